"""One line that says how far a long step is, redrawn in place."""

from __future__ import annotations

from collections.abc import Callable

from quoth.text.progress_line import ProgressLine

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
        self._line = ProgressLine(clock)
        self._next = 0.0
        self._drawn = 0  # characters on the line

    def update(self, verb: str, done: int, total: int, unit: str = "tokens", what: str = "") -> None:
        """`done` of `total` units of a step are done; `what` names the one at hand."""
        if self._write is not None:
            line = self._line.line(verb, done, total, unit, what)
            self._draw(line, self._line.began + QUICK)

    def show(self, text: str) -> None:
        """Show what a step has come to so far, its end if there is no room for all."""
        most = max(0, self._width() - 1)
        self._draw(text if len(text) <= most else f"…{text[len(text) - most + 1 :]}", 0.0)

    def _draw(self, line: str, earliest: float) -> None:
        now = self._clock()
        if self._write is None or now < max(self._next, earliest):
            return
        self._next = now + INTERVAL
        line = line[: max(0, self._width() - 1)]
        self._write("\r" + line + " " * (self._drawn - len(line)))
        self._drawn = len(line)

    def clear(self) -> None:
        """Take the line off the terminal, before anything else is written there."""
        self._line = ProgressLine(self._clock)  # the next step is a new one
        if self._write is not None and self._drawn:
            self._write("\r" + " " * min(self._drawn, max(0, self._width() - 1)) + "\r")
            self._drawn = 0
