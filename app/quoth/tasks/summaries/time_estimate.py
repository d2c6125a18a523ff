"""How long the notes on the parts of a text will take: by the rates of now, or of this model the last time."""

from __future__ import annotations

from collections.abc import Sequence

from quoth.engine import Usage
from quoth.tasks.summaries.part_notes import NotesCache


class TimeEstimate:
    """Seconds for what is left. `tokens` are those of each part; the rates of `model` are kept in `cache`."""

    def __init__(self, tokens: Sequence[int], cache: NotesCache, model: str) -> None:
        self._left = dict(enumerate(tokens))
        self._cache = cache
        self._key = f"pace:{model}"
        self._read = self._read_seconds = self._write_seconds = 0.0
        self._notes = 0
        self._before = _numbers(cache.get(self._key))  # seconds to read a token, to write a note

    def done(self, number: int, usage: Usage | None) -> None:
        """The notes on a part are there; `usage` is None if they were known from before."""
        self._left.pop(number, None)
        if usage is not None:
            self._notes += 1
            self._read += usage.prompt - usage.reused
            self._read_seconds += usage.read_seconds
            self._write_seconds += usage.write_seconds

    def keep(self) -> None:
        """Remember the rates for the next time."""
        if self._notes:
            self._cache.put(self._key, " ".join(f"{rate:.6g}" for rate in self._rates()))

    @property
    def is_known(self) -> bool:
        return bool(self._notes or self._before)

    @property
    def seconds(self) -> float:
        """For all that is left; 0 before anything was measured."""
        reading, writing = self._rates()
        return sum(self._left.values()) * reading + len(self._left) * writing

    def _rates(self) -> tuple[float, float]:
        if self._notes:
            return self._read_seconds / max(self._read, 1), self._write_seconds / self._notes
        return self._before or (0.0, 0.0)


def _numbers(text: str | None) -> tuple[float, float] | None:
    try:
        reading, writing = map(float, (text or "").split())
    except ValueError:
        return None
    return reading, writing
