"""Yes or no from the odds of one token."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence

import pytest

from quoth.chat import Message
from quoth.engine import Chat, Notice, Reading, Scored, ScoreEvent, Scoring, TokenLogprob, Usage
from quoth.errors import InputError
from quoth.tasks.yes_no import LEAST, Odds, yes_odds, yes_odds_of_what_was_read
from tests.scripted_engine import Scripted


def question(text: str = "Is it so? Reply only yes or no.") -> Chat:
    return Chat((Message("user", text),))


class Saying(Scripted):
    """A model with these probabilities of its next token."""

    def __init__(self, **probabilities: float) -> None:
        super().__init__()
        self.top = tuple((text, number, math.log(p)) for number, (text, p) in enumerate(probabilities.items()))

    def score(
        self, scorings: Sequence[Scoring], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[ScoreEvent, None, None]:
        yield Notice(0, "something")
        yes = next(each for each in self.top if each[0] == "yes")
        yield Scored(0, (TokenLogprob(*yes, self.top),), Usage(7))


def ended(asking: Generator[Reading | Notice, None, list[Odds]]) -> tuple[list[Reading | Notice], list[Odds]]:
    events: list[Reading | Notice] = []
    while True:
        try:
            events.append(next(asking))
        except StopIteration as end:
            return events, end.value


def log_odds(**probabilities: float) -> float:
    return ended(yes_odds(Saying(**probabilities), [question()]))[1][0].log


def test_yes_is_set_against_no() -> None:
    assert log_odds(yes=0.8, no=0.2) == pytest.approx(math.log(4))
    assert log_odds(yes=0.5, no=0.5) == pytest.approx(0.0)
    assert log_odds(yes=0.1, no=0.2, maybe=0.7) == pytest.approx(-math.log(2))


def test_capitals_spaces_and_languages_are_added_up() -> None:
    said = {"yes": 0.1, "Yes": 0.2, " yes": 0.1, "YES": 0.05, "是": 0.05, "Ja": 0.1, "No": 0.1, " no": 0.1, "否": 0.1}
    assert log_odds(**said) == pytest.approx(math.log(0.6 / 0.3))


def test_a_word_that_is_not_among_the_alternatives_counts_as_hardly_possible() -> None:
    assert log_odds(yes=1.0) == pytest.approx(-LEAST)
    assert log_odds(yes=math.exp(-30), no=0.5) == pytest.approx(LEAST - math.log(0.5))


def test_the_words_of_a_longer_answer_do_not_count() -> None:
    assert log_odds(yes=0.4, no=0.4, nothing=0.1, yesterday=0.1) == pytest.approx(0.0)


def test_every_question_has_its_odds_and_its_cost_in_order() -> None:
    engine = Scripted(odds=lambda scoring: 2.0 if "first" in repr(scoring.input) else -1.0)
    events, found = ended(yes_odds(engine, [question("The first?"), question("The second?")]))
    assert [odds.log for odds in found] == pytest.approx([2.0, -1.0])
    assert all(odds.usage.prompt > 0 for odds in found)
    assert {type(event) for event in events} == {Reading}


def test_notices_come_through() -> None:
    events, _ = ended(yes_odds(Saying(yes=0.5), [question()]))
    assert [event.text for event in events if isinstance(event, Notice)] == ["something"]


def test_after_a_stop_there_are_no_odds() -> None:
    assert ended(yes_odds(Scripted(), [question(), question()], cancelled=lambda: True))[1] == []
    stopped = ended(yes_odds_of_what_was_read(Scripted(["yes"]), [question()], cancelled=lambda: True))[1]
    assert [math.isnan(odds.log) for odds in stopped] == [True]


def test_a_question_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError):
        ended(yes_odds(Scripted(), [question("word " * 5000)]))


def test_what_was_read_can_be_asked_about_by_writing_one_token() -> None:
    engine = Scripted(["yes", "no"])
    _, found = ended(yes_odds_of_what_was_read(engine, [question("One?"), question("Two?")]))
    assert [odds.log for odds in found] == pytest.approx([-LEAST, LEAST])
    assert [request.max_tokens for request in engine.requests] == [1, 1]
