r"""Line ends of all kinds folded to "\n", and the lines that the file itself has: those that `grep -n` counts. Pure.

A lone \r begins its line anew in the output of a progress bar: a text reads better with a line end there, but no editor
counts one. Only in a file without any \n, as the old Mac wrote them, \r ends the lines of the file too.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable

_END = re.compile(r"\r\n?|\n")


class FileLines:
    """The lines of a file by those of its text; `within` are the lines of the text that end within one of the file."""

    __slots__ = ("_within",)

    def __init__(self, within: Iterable[int] = ()) -> None:
        self._within = array("Q", within)  # from 1, in order

    def at(self, line: int) -> int:
        """The line of the file that a line of the text is in; both count from 1."""
        return line - bisect_left(self._within, line)


class FoldedLineEnds:
    r"""Folds the parts of one text, in order; no \r\n may be split between two of them."""

    def __init__(self) -> None:
        self._ends = 0  # that have passed
        self._returns = array("Q")  # which of them were a lone \r

    def fold(self, part: str) -> str:
        r"""A part with "\n" as its only line ends."""
        returns = part.count("\r")
        if returns == part.count("\r\n"):
            part = part.replace("\r\n", "\n") if returns else part
            self._ends += part.count("\n")
            return part
        for match in _END.finditer(part):
            self._ends += 1
            if match[0] == "\r":
                self._returns.append(self._ends)
        return _END.sub("\n", part)

    def file_lines(self) -> FileLines:
        """The lines of the file, when all of it has passed."""
        return FileLines(self._returns if len(self._returns) < self._ends else ())
