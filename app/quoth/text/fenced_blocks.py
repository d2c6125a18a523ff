"""Fenced code blocks of Markdown (CommonMark 0.31, 4.5): where they are, and the content of the first."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

Span = tuple[int, int]  # start, end in characters


# At any depth, because list items and quotations indent their blocks; a backtick behind it makes it inline code.
# As text: `re` compiles it at its first use.
_FENCE = r"(?m)^([ \t>]*)(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))$"


class CodeBlocks:
    """The fenced blocks of a text that comes in whole lines; one that is not closed yet reaches the end."""

    def __init__(self) -> None:
        self.read = 0  # characters
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._fence = ""  # that opened the block we are in

    def feed(self, text: str) -> None:
        """The next lines."""
        for line in re.finditer(_FENCE, text) if "```" in text or "~~~" in text else ():
            fence, rest = (line[2], line[3]) if line[2] else (line[4], line[5])
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


class FirstBlock:
    """The content of the first fenced block, line by line as the text comes.

    A fence is closed by one at least as long, of the same character and at most three columns deeper; a block that
    is never closed goes to the end. The indentation of the opening fence is removed from every line.
    """

    def __init__(self) -> None:
        self.found = False  # the block has begun
        self.done = False  # the block has ended: no more text is needed
        self._line = ""
        self._indent = 0  # characters
        self._fence = ""

    def feed(self, text: str) -> str:
        """The lines of the block that this text completes."""
        if self.done:
            return ""
        lines = (self._line + text).split("\n")
        self._line = lines.pop()
        return "".join(self._content(line + "\n") for line in lines)

    def flush(self) -> str:
        """The last line, if no newline ended it."""
        line, self._line = self._line, ""
        return self._content(line) if line else ""

    def _content(self, line: str) -> str:
        if self.done:
            return ""
        indent = len(line) - len(line.lstrip(" \t"))
        if not self.found:
            if (opening := re.match(_FENCE, line.removesuffix("\n"))) and ">" not in opening[1]:
                self.found, self._indent, self._fence = True, indent, opening[2] or opening[4]
            return ""
        mark = line.strip()
        if len(mark) >= len(self._fence) and not mark.strip(self._fence[0]) and indent <= self._indent + 3:
            self.done = True
            return ""
        return line[min(self._indent, indent) :]


def first_block(text: str) -> str | None:
    """The content of the first fenced block, or None if there is none."""
    block = FirstBlock()
    content = block.feed(text) + block.flush()
    return content if block.found else None
