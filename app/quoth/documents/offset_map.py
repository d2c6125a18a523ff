"""What holds at an offset of a text: a line of the file, a page, a chapter. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Generic, TypeVar

from quoth.documents.line_ends import FileLines
from quoth.text.long_text import LongText

Value = TypeVar("Value")

STRIDE = 16 * 1024  # characters between two counts of newlines; what a look-up counts at most


class OffsetMap(Generic[Value]):
    """Values by offset in characters: each holds up to the next one, the first also before its offset."""

    __slots__ = ("_starts", "_values")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._values: list[Value] = []

    def set(self, offset: int, value: Value) -> None:
        """From this offset on a value holds; offsets come in order."""
        if self._values and self._values[-1] == value:
            return
        if self._starts and self._starts[-1] == offset:
            self._values[-1] = value
            return
        self._starts.append(offset)
        self._values.append(value)

    def at(self, offset: int) -> Value:
        """The value at an offset."""
        return self._values[max(0, bisect_right(self._starts, offset) - 1)]

    def __bool__(self) -> bool:
        return bool(self._values)


class LineMap:
    """Line numbers of a text that is its file: newlines counted once every STRIDE characters."""

    __slots__ = ("_counts", "_file_lines", "_text")

    def __init__(self, text: LongText, file_lines: FileLines) -> None:
        self._text = text
        self._file_lines = file_lines
        self._counts = array("Q", [0])
        for start in range(0, len(text), STRIDE):
            self._counts.append(self._counts[-1] + text[start : start + STRIDE].count("\n"))

    def at(self, offset: int) -> int:
        """The line of the file that the character at an offset is in, from 1."""
        offset = min(offset, len(self._text))
        number = offset // STRIDE
        newlines = self._counts[number] + self._text[number * STRIDE : offset].count("\n")
        return self._file_lines.at(1 + newlines)
