"""One line that says how far a long step is, redrawn in place."""

from __future__ import annotations

from collections.abc import Callable

from quoth.text.units import format_duration

QUICK = 0.3  # seconds; a step that is done before is not worth a line
INTERVAL = 0.1  # seconds between two drawings


class Progress:
    """Draws "reading 1,024 of 4,096 tokens · 12 s left" with carriage returns and spaces, no escape codes.

    `write` puts text on the terminal; without it nothing is ever drawn. `width` is the terminal's, in columns;
    `clock` says seconds.
    """

    def __init__(
        self, write: Callable[[str], object] | None, width: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._write = write
        self._width = width
        self._clock = clock
        self._step = ("", 0, "")
        self._began = 0.0
        self._first = 0
        self._next = 0.0
        self._drawn = 0  # characters on the line

    def update(self, verb: str, done: int, total: int, unit: str = "tokens", what: str = "") -> None:
        """`done` of `total` units of a step are done; `what` names the one at hand."""
        if self._write is None:
            return
        now = self._clock()
        if (verb, total, unit) != self._step:
            self._step, self._began, self._first, self._next = (verb, total, unit), now, done, now + QUICK
        if now < self._next:
            return
        self._next = now + INTERVAL
        line = f"{verb} {done:,} of {total:,} {unit}{self._left(done, total, now)}{f' · {what}' if what else ''}"
        line = line[: max(0, self._width() - 1)]
        self._write("\r" + line + " " * (self._drawn - len(line)))
        self._drawn = len(line)

    def clear(self) -> None:
        """Take the line off the terminal, before anything else is written there."""
        self._step = ("", 0, "")
        if self._write is not None and self._drawn:
            self._write("\r" + " " * min(self._drawn, max(0, self._width() - 1)) + "\r")
            self._drawn = 0

    def _left(self, done: int, total: int, now: float) -> str:
        elapsed = now - self._began
        if done <= self._first or elapsed <= 0:
            return ""
        seconds = round((total - done) * elapsed / (done - self._first))
        if seconds < 1:
            return ""
        return f" · {format_duration(seconds)} left"
