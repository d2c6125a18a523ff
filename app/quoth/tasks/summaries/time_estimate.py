"""How long a summary will take: by the rates of now, or of this model the last time."""

from __future__ import annotations

from collections.abc import Sequence

from quoth.engine import Usage
from quoth.tasks.summaries.part_notes import NotesCache

NEW = 0.4  # what the last text counts for the next, against those before it


class Spending:
    """What all requests so far have cost together."""

    def __init__(self) -> None:
        self.usage = Usage()

    def add(self, usage: Usage) -> None:
        self.usage = self.usage.plus(usage)

    @property
    def seconds(self) -> float:
        """Of reading and writing."""
        return self.usage.read_seconds + self.usage.write_seconds


class TimeEstimate:
    """Seconds for what is left. `tokens` are those of each part; the rates of `model` are kept in `cache`.

    What is written about a part, and checked, is reckoned by its sentences, of which each part has `count`.
    """

    def __init__(self, tokens: Sequence[int], cache: NotesCache, model: str, count: int, later: int = 0) -> None:
        """`later` sentences are written after the parts, or translated."""
        self._left = dict(enumerate(tokens))
        self._cache = cache
        self._key = f"pace:{model}"
        self._count = count
        self._later = later
        self._read = self._sentences = 0
        self._reading = self._others = 0.0  # seconds
        self._before = _numbers(cache.get(self._key))  # seconds to read a token of a part, to write a sentence

    def done(self, number: int, reading: float | None, others: float) -> None:
        """A part is done: seconds of reading it, None if what it says was known from before, and of all else."""
        tokens = self._left.pop(number, 0)
        if reading is not None:
            self._read += tokens
            self._sentences += self._count
            self._reading += reading
            self._others += others

    def keep(self) -> None:
        """Remember the rates for the next time: of several texts, since they differ."""
        if self._sentences:
            now = self._rates()
            rates = [NEW * new + (1 - NEW) * old for new, old in zip(now, self._before or now, strict=True)]
            self._cache.put(self._key, " ".join(f"{rate:.6g}" for rate in rates))

    @property
    def is_known(self) -> bool:
        return bool(self._sentences or self._before)

    @property
    def seconds(self) -> float:
        """For all that is left; 0 before anything was measured."""
        reading, writing = self._rates()
        sentences = len(self._left) * self._count + self._later
        return sum(self._left.values()) * reading + sentences * writing

    def _rates(self) -> tuple[float, float]:
        if self._sentences:
            return self._reading / max(self._read, 1), self._others / self._sentences
        return self._before or (0.0, 0.0)


def _numbers(text: str | None) -> tuple[float, float] | None:
    try:
        reading, writing = map(float, (text or "").split())
    except ValueError:
        return None
    return reading, writing
