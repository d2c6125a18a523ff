"""A yes or no from the probabilities of one token."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import log

import pytest

from quoth.chat import Message
from quoth.engine import Chat, Scored, Scoring, TokenLogprob
from quoth.tasks.yes_no import LEAST, Odds, yes_odds
from tests.scripted_engine import Scripted

QUESTION = Chat((Message("user", "Is it so? Reply only yes or no."),))


class Saying(Scripted):
    """Gives tokens their probabilities."""

    def __init__(self, **probabilities: float) -> None:
        super().__init__()
        self._probabilities = probabilities

    def score(self, scorings: Sequence[Scoring], **more: object) -> Generator[Scored, None, None]:
        top = tuple((text, number, log(p)) for number, (text, p) in enumerate(self._probabilities.items()))
        for number, _ in enumerate(scorings):
            yield Scored(number, (TokenLogprob(*top[0], top),))


def odds(engine: Scripted, stopped: bool = False) -> list[Odds]:
    asking = yes_odds(engine, [QUESTION], cancelled=lambda: stopped)
    while True:
        try:
            next(asking)
        except StopIteration as end:
            found: list[Odds] = end.value
            return found


def test_capitals_spaces_and_languages_are_added_up() -> None:
    engine = Saying(**{"yes": 0.2, "Yes": 0.3, " yes": 0.1, "no": 0.05, "No": 0.15, "maybe": 0.2})
    assert odds(engine)[0].log == pytest.approx(log(0.6 / 0.2))
    assert odds(Saying(**{"yes": 0.1, "是": 0.3, "否": 0.1}))[0].log == pytest.approx(log(0.4 / 0.1))


def test_a_word_that_is_not_among_the_likely_ones_is_as_good_as_impossible() -> None:
    assert odds(Saying(**{"yes": 0.9, "well": 0.1}))[0].log == pytest.approx(log(0.9) - LEAST)


def test_after_a_stop_there_are_no_odds() -> None:
    assert odds(Scripted(), stopped=True) == []
