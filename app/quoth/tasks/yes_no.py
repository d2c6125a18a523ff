"""A yes or no from the probability of one token, which costs a few tokens behind what has been read."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

from quoth.engine import (
    Chat,
    Done,
    Engine,
    Notice,
    Piece,
    Reading,
    Request,
    Sampling,
    Scored,
    Scoring,
    TokenLogprob,
    Usage,
)

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


def yes_odds_of_what_was_read(
    engine: Engine, questions: Sequence[Chat], *, keep: bool = True, cancelled: Callable[[], bool] = lambda: False
) -> Generator[Reading | Notice, None, list[Odds]]:
    """As `yes_odds`, where a text was just written about that the questions begin with: it is not read again.

    The odds may differ in their last digits from those that a scoring gives. `keep` is Request.keep.
    """
    sampling = Sampling(temperature=0.0, logprobs=ALTERNATIVES)
    requests = [Request(question, sampling, max_tokens=1, keep=keep) for question in questions]
    found: dict[int, float] = {}
    usages: dict[int, Usage] = {}
    for event in engine.generate(requests, stop=cancelled):
        match event:
            case Piece(number, _, logprobs) if logprobs:
                found.setdefault(number, _log_odds(logprobs))
            case Done(number, _, usage):
                usages[number] = usage
            case Reading() | Notice():
                yield event
    return [Odds(found.get(number, math.nan), usages.get(number, Usage())) for number in range(len(questions))]


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
