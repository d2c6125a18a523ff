"""What a yes of this model is worth: measured once on short texts, and kept.

Models say yes more or less easily. How easily this one does is the middle between its odds where a text answers and
where it does not; against the middle of the model that the class's thresholds were measured with, they are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import isnan
from statistics import fmean
from typing import Literal, NamedTuple, Protocol

from quoth.chat import Attachment
from quoth.engine import Engine, Notice, Reading, Usage
from quoth.tasks.answers.calibration_items import ITEMS
from quoth.tasks.answers.events import Step
from quoth.tasks.answers.prompts import IS_SAID, about
from quoth.tasks.answers.thresholds import NEVER, Thresholds
from quoth.tasks.yes_no import Odds, yes_odds
from quoth.text.units import format_duration

Source = Literal["class", "calibration"]  # what thresholds rest on

VERSION = 1  # of the texts and of what is asked about them
LONGEST = 60.0  # seconds that it may take
TRIED = 3  # texts after which that is known
MIDDLE = 0.68  # of the model that the thresholds were measured with: Qwen2.5-Coder-1.5B, Q4_K_M; its pairs: 0.975
APART = 0.8  # share of pairs of both kinds that must be in order, or the model cannot be asked


class Cache(Protocol):
    """Small texts by key."""

    def get(self, key: str) -> str | None: ...

    def put(self, key: str, text: str) -> None: ...


class Calibrated(NamedTuple):
    """The middle of a model's odds, and the share of pairs that are in order: 0.5 is chance."""

    middle: float
    apart: float


class Calibration:
    """The thresholds of one model. `model` is its key in the cache."""

    def __init__(
        self, engine: Engine, cache: Cache, model: str, usual: Thresholds, *, cancelled: Callable[[], bool]
    ) -> None:
        self.source: Source = "class"
        self._engine = engine
        self._name = engine.info.name
        self._cache = cache
        self._key = f"calibration-{VERSION}:{model}"
        self._usual = usual
        self._cancelled = cancelled

    def thresholds(self) -> Generator[Step, None, Thresholds]:
        """Those of this model, measured now if they never were; the usual ones where that takes too long."""
        found = _read(self._cache.get(self._key)) or (yield from self._measured())
        if found is None:
            return self._usual
        self.source = "calibration"
        return moved(self._usual, found)

    def _measured(self) -> Generator[Step, None, Calibrated | None]:
        yes: list[float] = []
        no: list[float] = []
        usage = Usage()
        for number, item in enumerate(ITEMS):
            passage = [Attachment("Passage 1 (text)", item.text)]
            questions = [about(passage, question, IS_SAID) for question in (item.answered, item.absent)]
            answered = yield from _without_progress(yes_odds(self._engine, questions, cancelled=self._cancelled))
            if len(answered) < 2 or any(isnan(odds.log) for odds in answered):
                return None
            yes.append(answered[0].log)
            no.append(answered[1].log)
            usage = usage.plus(answered[0].usage).plus(answered[1].usage)
            if number + 1 == TRIED:
                seconds = usage.read_seconds / TRIED * (len(ITEMS) - TRIED)
                if seconds > LONGEST:
                    yield Notice(0, f"{self._name} was never calibrated for questions; that would take too long here")
                    return None
                took = format_duration(seconds)
                yield Notice(0, f"{self._name} is calibrated for questions, once: {2 * len(ITEMS)} short ones, {took}")
        found = Calibrated((fmean(yes) + fmean(no)) / 2, _apart(yes, no))
        self._cache.put(self._key, f"{found.middle:.4f} {found.apart:.4f}")
        return found


def moved(usual: Thresholds, found: Calibrated) -> Thresholds:
    """The usual thresholds where this model's middle lies; out of reach if it cannot tell what a text says."""
    if found.apart < APART:
        return NEVER
    by = found.middle - MIDDLE
    return Thresholds(usual.stretch + by, usual.passages + by, usual.answer + 3 * by)


def _apart(yes: list[float], no: list[float]) -> float:
    """How often a yes has better odds than a no."""
    pairs = [(one > other) + (one == other) / 2 for one in yes for other in no]
    return sum(pairs) / len(pairs)


def _read(text: str | None) -> Calibrated | None:
    try:
        middle, apart = map(float, (text or "").split())
    except ValueError:
        return None
    return Calibrated(middle, apart)


def _without_progress(asking: Generator[Reading | Notice, None, list[Odds]]) -> Generator[Notice, None, list[Odds]]:
    while True:
        try:
            event = next(asking)
        except StopIteration as end:
            found: list[Odds] = end.value
            return found
        if isinstance(event, Notice):
            yield event
