"""A document's text as rows of a given width, found as far as they are looked at. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from rich.cells import get_character_cell_size

from quoth.text.long_text import LongText
from quoth.tui.terminal.safe_filter import REPLACEMENT, UNSAFE

WINDOW = 16 * 1024  # characters that are laid out at once; more than the widest terminal has cells
TAB = 8  # cells between two tab stops


class Rows:
    """Where each row of a text begins. Lines are folded behind a space, or before a wide character, else anywhere."""

    def __init__(self, text: LongText, width: int) -> None:
        self.text = text
        self.width = max(2, width)  # cells; no character is wider than 2
        self._starts = array("Q")
        self.done = 0  # characters that are laid out

    def __len__(self) -> int:
        """The rows that are laid out."""
        return len(self._starts)

    @property
    def finished(self) -> bool:
        return self.done >= len(self.text)

    def extend(self) -> None:
        """Lay out one window more; the rest of a line that it ends in comes with the next."""
        window = self.text[self.done : self.done + WINDOW]
        last = self.done + len(window) >= len(self.text)
        at = 0
        while at < len(window):
            end = window.find("\n", at)
            if end < 0 and not last:
                if at == 0:
                    *whole, rest = breaks(window, self.width)
                    whole, at = (whole, rest) if whole else ([0], len(window))  # characters without width fill no row
                    self._starts.extend(self.done + start for start in whole)
                break
            end = end if end >= 0 else len(window)
            line = window[at:end]
            self._starts.extend(self.done + at + start for start in breaks(line, self.width))
            at = end + 1
        self.done = len(self.text) if last else self.done + at

    def at(self, offset: int) -> int:
        """The row that a character is in, which is laid out."""
        return max(0, bisect_right(self._starts, offset) - 1)

    def start(self, row: int) -> int:
        return self._starts[row]

    def begins_line(self, row: int) -> bool:
        """Whether a row is the first of its line."""
        start = self._starts[row]
        return start == 0 or self.text[start - 1 : start] == "\n"

    def row(self, number: int) -> str:
        """The text of a row as it stands in the document, without the end of its line."""
        end = self._starts[number + 1] if number + 1 < len(self._starts) else self.done
        return self.text[self._starts[number] : end].rstrip("\n")


def breaks(line: str, width: int) -> Iterator[int]:
    """Where the rows of a line begin; a width of at least 2 cells."""
    plain = line.isascii() and "\t" not in line
    start = 0
    yield start
    while (start := _next_plain(line, start, width) if plain else _next(line, start, width)) < len(line):
        yield start


def _next_plain(line: str, start: int, width: int) -> int:
    if len(line) - start <= width:
        return len(line)
    space = line.rfind(" ", start, start + width + 1)
    return space + 1 if space > start else start + width


def _next(line: str, start: int, width: int) -> int:
    if (len(line) - start) * 2 <= width and "\t" not in line:
        return len(line)  # even if every character is wide
    column, good = 0, start
    for at in range(start, len(line)):
        character = line[at]
        cells = _cells(character, column)
        if cells == 2 and character != "\t":
            good = at
        if column + cells > width:
            return at + 1 if character == " " else good if good > start else max(at, start + 1)
        column += cells
        if character in " \t":
            good = at + 1
    return len(line)


def _cells(character: str, column: int) -> int:
    if character == "\t":
        return TAB - column % TAB
    return 1 if UNSAFE.match(character) else get_character_cell_size(character)


def shown(text: str, column: int = 0) -> str:
    """A part of a row that begins in a column as it is drawn: tabs as spaces, unsafe characters replaced."""
    if text.isprintable():
        return text
    drawn: list[str] = []
    for character in text:
        cells = _cells(character, column)
        column += cells
        drawn.append(" " * cells if character == "\t" else UNSAFE.sub(REPLACEMENT, character))
    return "".join(drawn)
