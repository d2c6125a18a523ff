"""A yes or no from the model, as odds: what it would answer with one word, and how sure it is of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from quoth.chat import Message
from quoth.engine import Chat, Engine, Notice, Reading, Scored, Scoring, Usage

WORDS = ("yes", "no")


def yes_odds(
    engine: Engine,
    questions: Sequence[tuple[Message, ...]],
    *,
    spend: Callable[[Usage], None] = lambda usage: None,
    stop: Callable[[], bool] = lambda: False,
) -> Generator[int | Notice, None, list[float]]:
    """log P(yes) - log P(no) as the answer to each question, which asks for one of the two in lower case.

    Yields the number of the question that is read; `spend` gets what each costs. After a stop the list is shorter.
    """
    scorings = [Scoring(Chat(question), word) for question in questions for word in WORDS]
    found: list[float] = []
    for event in engine.score(scorings, stop=stop):
        match event:
            case Reading(number):
                yield number // len(WORDS)
            case Notice():
                yield event
            case Scored(_, logprobs, usage):
                found.append(sum(token.logprob for token in logprobs))
                spend(usage)
    return [yes - no for yes, no in zip(found[::2], found[1::2], strict=False)]
