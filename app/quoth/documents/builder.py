"""A document while it is written: blocks with empty lines between them, each stretch with its line, page or chapter."""

from __future__ import annotations

from collections.abc import Iterable

from quoth.documents.document import Document, Heading
from quoth.documents.line_ends import FileLines
from quoth.documents.offset_map import OffsetMap
from quoth.text.long_text import LongText

_FLUSH = 4096  # parts; joining many small ones at once keeps appending linear


class DocumentBuilder:
    """Text grows at the end; offsets are characters in what is written so far, lines those of the decoded source."""

    def __init__(self, notices: Iterable[str] = (), file_lines: FileLines | None = None) -> None:
        self.headings: list[Heading] = []
        self.notices = list(notices)
        self.file_lines = file_lines or FileLines()  # of the source
        self.lines: OffsetMap[int] = OffsetMap()
        self.pages: OffsetMap[int] = OffsetMap()
        self.chapters: OffsetMap[str] = OffsetMap()
        self.length = 0  # characters written
        self._text = LongText()
        self._parts: list[str] = []
        self._breaks = 0  # newlines owed before the next stretch
        self._space = False  # a space owed before the next word
        self._prefix = ""  # a list item's mark, owed before its first word

    def write(self, text: str, line: int = 0) -> None:
        """Text as it stands, from a line of the source; newlines and spaces owed come first."""
        if not text:
            return
        if self._breaks and self.length:
            self._append("\n" * self._breaks)
        elif self._space and self.length:
            self._append(" ")
        if line:
            self.lines.set(self.length, self.file_lines.at(line))
        self._append(self._prefix + text)
        self._breaks, self._space, self._prefix = 0, False, ""

    def fold(self, text: str, line: int = 0) -> None:
        """Running text of one line of the source: runs of white space become one space."""
        words = " ".join(text.split())
        if text[:1].isspace():
            self.space()
        if words:
            self.write(words, line)
            if text[-1:].isspace():
                self.space()

    def space(self) -> None:
        """A space before the next word, unless a line ends before it."""
        self._space = True

    def newline(self) -> None:
        """What comes next begins a line."""
        if not self._prefix:
            self._breaks = max(self._breaks, 1)
            self._space = False

    def end_line(self) -> None:
        """A line of preformatted text ends; empty ones count."""
        self._breaks += 1

    def block(self) -> None:
        """What comes next begins a block, with an empty line before it."""
        if not self._prefix:
            self._breaks, self._space = 2, False

    def prefix(self, mark: str) -> None:
        """A mark before the first word of what comes next, on its line."""
        self._prefix = mark

    @property
    def at_start_of_line(self) -> bool:
        """Whether the next stretch begins a line."""
        return self._breaks > 0 or not self.length

    @property
    def next_start(self) -> int:
        """Where the next stretch will begin."""
        return self.length + (self._breaks or int(self._space)) if self.length else 0

    def heading(self, level: int, title: str, line: int = 0) -> None:
        """A title, as a separate block."""
        title = " ".join(title.split())
        if not title:
            return
        self._prefix = ""
        self.block()
        self.headings.append(Heading(self.next_start, level, title))
        self.write(title, line)
        self.block()

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self.length += len(text)
        if len(self._parts) >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._text.append("".join(self._parts))
        self._parts.clear()

    def finish(self, name: str, kind: str) -> Document:
        """The document, its last line ended."""
        if self.length:
            self._append("\n")
        self._flush()
        maps = self.lines or None, self.pages or None, self.chapters or None
        return Document(name, kind, self._text, self.headings, tuple(self.notices), *maps)
