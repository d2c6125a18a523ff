"""Where the fenced blocks of a Markdown text are. Fences: CommonMark 0.31, "Fenced code blocks". Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

Span = tuple[int, int]  # start, end in characters

# At any depth, because list items and quotations indent their blocks.
_FENCE = re.compile(r"^[ \t>]*(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))$", re.MULTILINE)


class CodeBlocks:
    """The fenced blocks of a text that comes in whole lines; one that is not closed yet goes to the end."""

    def __init__(self) -> None:
        self.read = 0  # characters
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._fence = ""  # that opened the block we are in

    def feed(self, text: str) -> None:
        """The next lines."""
        for line in _FENCE.finditer(text) if "```" in text or "~~~" in text else ():
            fence, rest = (line[1], line[2]) if line[1] else (line[3], line[4])
            if not self._fence:
                self._fence = fence
                self._starts.append(self.read + line.start())
            elif fence.startswith(self._fence) and not rest.strip():
                self._fence = ""
                self._ends.append(self.read + line.end())
        self.read += len(text)

    def between(self, start: int, end: int) -> list[Span]:
        """The blocks of a stretch, cut to it."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        ends = [*self._ends[first:last], end]
        return [(max(a, start), min(b, end)) for a, b in zip(self._starts[first:last], ends, strict=False)]


def code_blocks(text: str) -> list[Span]:
    """The fenced blocks of a text, with their fences."""
    blocks = CodeBlocks()
    blocks.feed(text)
    return blocks.between(0, len(text))
