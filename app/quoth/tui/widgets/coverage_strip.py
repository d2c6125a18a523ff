"""Which parts of a document were read, and which were cited, in one line as wide as the document's."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from textual.content import Content
from textual.widget import Widget

UNREAD, READ, CITED = range(3)
LOOKS = (("░", "$foreground 30%"), ("▓", "$primary"), ("█", "$warning"))  # told apart without colours too


class CoverageStrip(Widget):
    """A cell for each stretch of the text: cited if anything in it is, else read if anything in it is."""

    DEFAULT_CSS = "CoverageStrip { height: 1; background: $surface; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._length = 0
        self._read: list[tuple[int, int]] = []
        self._cited: list[tuple[int, int]] = []

    def show(self, length: int, read: Iterable[tuple[int, int]], cited: Iterable[tuple[int, int]]) -> None:
        """A text of so many characters, and stretches of it."""
        self._length, self._read, self._cited = length, [*read], [*cited]
        self.refresh()

    def render(self) -> Content:
        cells = states(self.size.width, self._length, self._read, self._cited)
        runs = ((LOOKS[state], len([*run])) for state, run in groupby(cells))
        return Content.assemble(*((block * length, look) for (block, look), length in runs))


def states(width: int, length: int, read: Iterable[tuple[int, int]], cited: Iterable[tuple[int, int]]) -> list[int]:
    """What each cell shows."""
    cells = [UNREAD] * width
    for state, stretches in ((READ, read), (CITED, cited)):
        for start, end in stretches:
            first = min(width - 1, start * width // max(1, length))
            last = max(first + 1, -(-end * width // max(1, length)) if state == READ else end * width // max(1, length))
            for at in range(first, min(width, last)):
                cells[at] = state
    return cells
