"""A model's yes is weighed once, by short texts, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from math import isinf

import pytest

from quoth.engine import Notice, Request, Scoring
from quoth.tasks.answers.calibration import MIDDLE, Calibrated, Calibration, moved
from quoth.tasks.answers.calibration_items import ITEMS
from quoth.tasks.answers.thresholds import Thresholds
from tests.scripted_engine import Scripted
from tests.tasks.texts import asked_text

USUAL = Thresholds(1.6, -0.2, 2.2)
ABSENT = [item.absent for item in ITEMS]


class Kept(dict[str, str]):
    """A cache in memory."""

    def put(self, key: str, text: str) -> None:
        self[key] = text


def odds(yes: float, no: float) -> Callable[[Scoring], float]:
    """Odds of yes to what a text answers, and to what it does not."""
    return lambda scoring: no if any(text in asked_text(Request(scoring.input)) for text in ABSENT) else yes


def calibrated(
    engine: Scripted, cache: Kept, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Thresholds, list[str], str]:
    calibration = Calibration(engine, cache, "a-model", USUAL, cancelled=cancelled)
    steps, said = calibration.thresholds(), list[str]()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value, said, calibration.source
        assert isinstance(step, Notice)
        said.append(step.text)


def test_every_text_answers_one_question_and_not_the_other() -> None:
    assert len(ITEMS) == 20
    questions = [question for item in ITEMS for question in (item.answered, item.absent)]
    assert len(set(questions)) == 40


def test_a_model_that_says_yes_more_easily_needs_more_of_it() -> None:
    easily, hardly = (calibrated(Scripted(odds=odds(MIDDLE + by + 1, MIDDLE + by - 1)), Kept())[0] for by in (2, -2))
    assert easily == pytest.approx(Thresholds(USUAL.stretch + 2, USUAL.passages + 2, USUAL.answer + 6))
    assert hardly == pytest.approx(Thresholds(USUAL.stretch - 2, USUAL.passages - 2, USUAL.answer - 6))


def test_it_is_said_and_done_once() -> None:
    cache = Kept()
    engine = Scripted(odds=odds(3, -3))
    first, said, source = calibrated(engine, cache)
    assert said == ["scripted is calibrated for questions, once: 40 short ones, 0 s"]
    assert source == "calibration"
    assert len(engine.scorings) == 40
    again, said, source = calibrated(engine, cache)
    assert (again, said, source, len(engine.scorings)) == (first, [], "calibration", 40)


def test_a_model_that_cannot_tell_is_not_asked_again() -> None:
    found, _, _ = calibrated(Scripted(odds=lambda scoring: 1.0), Kept())
    assert isinf(found.passages)
    assert isinf(moved(USUAL, Calibrated(0.0, 0.5)).answer)


def test_a_stop_leaves_nothing_behind() -> None:
    cache = Kept()
    found, _, source = calibrated(Scripted(odds=odds(3, -3)), cache, cancelled=lambda: True)
    assert (found, source, cache) == (USUAL, "class", {})


def test_what_was_kept_and_cannot_be_read_is_measured_again() -> None:
    cache = Kept()
    calibrated(Scripted(odds=odds(3, -3)), cache)
    [key] = cache
    cache[key] = "nonsense"
    found, _, source = calibrated(Scripted(odds=odds(MIDDLE + 1, MIDDLE - 1)), cache)
    assert source == "calibration"
    assert found == pytest.approx(USUAL)
