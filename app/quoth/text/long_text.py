"""A text of any length in pieces of moderate size. Pure.

CPython keeps a string at 1, 2 or 4 bytes a character by its widest one: a single emoji makes 100 MB of English 400 MB.
In pieces it widens one piece, and one that is wider than its UTF-8 is kept as that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator

PIECE = 64 * 1024  # characters; what is appended is cut into pieces of at most this many


class LongText:
    """Characters are counted from 0 over the whole text, as in a string; only slices with step 1 are there."""

    __slots__ = ("_length", "_pieces", "_read", "_starts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._pieces: list[str | bytes] = []
        self._starts: list[int] = []
        self._length = 0
        self._read = (-1, "")  # the piece that was read last, as text
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Put a text behind what is there."""
        for start in range(0, len(text), PIECE):
            piece = text[start : start + PIECE]
            last = self._piece(len(self._pieces) - 1) if self._pieces else ""
            if last and len(last) + len(piece) <= PIECE:
                self._pieces[-1] = last + piece
                self._read = (-1, "")
            else:
                if self._pieces:
                    self._pieces[-1] = _kept(last)
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
            part = self._piece(number)[start - offset : stop - offset]
            yield part
            start += len(part)
            number += 1

    def _piece(self, number: int) -> str:
        piece = self._pieces[number]
        if isinstance(piece, str):
            return piece
        read, text = self._read  # at once: another thread may read too
        if read != number:
            text = piece.decode("utf-8", "surrogatepass")
            self._read = (number, text)
        return text

    def __iter__(self) -> Iterator[str]:
        """The pieces, in order."""
        return map(self._piece, range(len(self._pieces)))

    def __str__(self) -> str:
        return "".join(self)


def _kept(piece: str) -> str | bytes:
    """A piece in the form that takes less room."""
    widest = max(piece, default="")
    width = 1 if widest < "\u0100" else 2 if widest < "\U00010000" else 4
    if width == 1:
        return piece
    encoded = piece.encode("utf-8", "surrogatepass")
    return encoded if len(encoded) < 0.8 * width * len(piece) else piece
