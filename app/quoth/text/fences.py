"""The first fenced block of an answer in Markdown. Fences: CommonMark 0.31, "Fenced code blocks"."""

from __future__ import annotations

import re
from functools import cache


@cache
def _opening() -> re.Pattern[str]:
    # At any depth, because a list item indents its blocks; a backtick in the rest of the line makes it inline code.
    return re.compile(r"([ \t]*)(?:(`{3,})[^`\n]*|(~{3,})[^\n]*)\n?\Z")


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
        if not self.found:
            self._open(line)
            return ""
        if self._closes(line):
            self.done = True
            return ""
        return line[min(self._indent, len(line) - len(line.lstrip(" \t"))) :]

    def _open(self, line: str) -> None:
        if match := _opening().match(line):
            self.found = True
            self._indent = len(match[1])
            self._fence = match[2] or match[3]

    def _closes(self, line: str) -> bool:
        mark = line.strip()
        indent = len(line) - len(line.lstrip(" \t"))
        return len(mark) >= len(self._fence) and not mark.strip(self._fence[0]) and indent <= self._indent + 3


def first_block(text: str) -> str | None:
    """The content of the first fenced block, or None if there is none."""
    block = FirstBlock()
    content = block.feed(text) + block.flush()
    return content if block.found else None
