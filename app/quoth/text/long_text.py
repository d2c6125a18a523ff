"""A text of any length in pieces of moderate size. Pure.

CPython keeps a string at 1, 2 or 4 bytes a character by its widest one: a single emoji makes 100 MB of English 400 MB.
In pieces it widens one piece.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

PIECE = 64 * 1024  # characters; what is appended is cut into pieces of at most this many


class LongText:
    """Characters are counted from 0 over the whole text, as in a string; only slices with step 1 are there."""

    __slots__ = ("_length", "_pieces", "_starts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._pieces: list[str] = []
        self._starts: list[int] = []
        self._length = 0
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Put a text behind what is there."""
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            last = self._pieces[-1] if self._pieces else ""
            if last and len(last) + len(piece) <= PIECE:
                self._pieces[-1] = last + piece
            else:
                self._pieces.append(piece)
                self._starts.append(self._length)
            self._length += len(piece)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, at: slice) -> str:
        start, stop, step = at.indices(self._length)
        if step != 1:
            raise ValueError("a long text has slices with step 1 only")
        return "".join(self._parts(start, stop))

    def _parts(self, start: int, stop: int) -> Iterator[str]:
        number = max(0, bisect_right(self._starts, start) - 1)
        while start < stop:
            offset = self._starts[number]
            part = self._pieces[number][start - offset : stop - offset]
            yield part
            start += len(part)
            number += 1

    def __iter__(self) -> Iterator[str]:
        """The pieces, in order."""
        return iter(self._pieces)

    def __str__(self) -> str:
        return "".join(self._pieces)

    def find(self, text: str, start: int = 0, stop: int | None = None) -> int:
        """Where a text begins between two offsets, or -1."""
        stop = self._length if stop is None else min(stop, self._length)
        while start + len(text) <= stop:
            window = self[start : min(stop, start + PIECE + len(text))]
            at = window.find(text)
            if at >= 0:
                return start + at
            start += PIECE + 1 if len(window) > PIECE else len(window)
        return -1
