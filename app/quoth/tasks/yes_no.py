"""A yes or no from the probability of one token, which costs a few tokens behind what has been read."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

from quoth.engine import Chat, Engine, Notice, Reading, Scored, Scoring, TokenLogprob, Usage

ALTERNATIVES = 40  # tokens that are looked at; yes and no are among the first few after "Reply only yes or no."
LEAST = -15.0  # log-probability of what is not among them
YES = frozenset(("yes", "是", "ja", "oui", "sí"))
NO = frozenset(("no", "否", "不", "nein", "non"))


class Odds(NamedTuple):
    """log(P(yes) / P(no)) as natural logarithm, and what it cost; nan after a stop."""

    log: float
    usage: Usage


def yes_odds(
    engine: Engine, questions: Sequence[Chat], *, cancelled: Callable[[], bool] = lambda: False
) -> Generator[Reading | Notice, None, list[Odds]]:
    """The odds of yes to each question, which ends with "Reply only yes or no." in some form.

    Raises InputError where a question does not fit the context.
    """
    found: list[Odds] = []
    for event in engine.score([Scoring(question, "yes", ALTERNATIVES) for question in questions], stop=cancelled):
        if isinstance(event, Scored):
            found.append(Odds(_log_odds(event.logprobs), event.usage))
        else:
            yield event
    return found


def _log_odds(logprobs: Sequence[TokenLogprob]) -> float:
    if not logprobs:
        return math.nan
    first = logprobs[0]
    seen = {id_: (text, value) for text, id_, value in first.top} | {first.id: (first.text, first.logprob)}
    said = [(text.strip().casefold(), value) for text, value in seen.values()]
    return _sum(v for text, v in said if text in YES) - _sum(v for text, v in said if text in NO)


def _sum(logs: Iterable[float]) -> float:
    """The logarithm of a sum of probabilities."""
    whole = sum(map(math.exp, logs))
    return max(LEAST, math.log(whole)) if whole else LEAST
