"""What a document is: its text, its headings, and a map back to lines, pages and chapters."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from quoth.documents.citation import Place, citation
from quoth.documents.offset_map import LineMap, OffsetMap
from quoth.text.long_text import LongText


class Heading(NamedTuple):
    """A title within a document."""

    start: int  # characters in Document.text
    level: int  # 1 is the outermost
    title: str


@dataclass(slots=True)
class Document:
    """A document's text, and where each part of it stands in the file."""

    name: str  # as shown: the path as given, or "stdin"
    kind: str  # "text", "markdown", "html", "pdf", "epub", "docx", "man", "info", "subtitles", "code" or "email"
    text: LongText  # "\n" ends its lines, no NUL
    headings: Sequence[Heading] = ()  # in order of start
    notices: tuple[str, ...] = ()  # what the user should know of how it was read
    lines: OffsetMap[int] | LineMap | None = None  # line of the file by offset in the text
    pages: OffsetMap[int] | None = None
    chapters: OffsetMap[str] | None = None
    _parents: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._parents = _parents(self.headings)

    def place(self, start: int, end: int) -> Place:
        """Where `text[start:end]` is."""
        last = max(start, end - 1)
        return Place(
            start_line=self.lines.at(start) if self.lines else 0,
            end_line=self.lines.at(last) if self.lines else 0,
            page=self.pages.at(start) if self.pages else 0,
            end_page=self.pages.at(last) if self.pages else 0,
            chapter=self.chapters.at(start) if self.chapters else "",
            headings=self._path(start),
        )

    def cite(self, place: Place) -> str:
        """A place as it is shown: "policy.txt:12-14", "report.pdf p.3", "book.epub, Chapter 3"."""
        return citation(self.name, place)

    def _path(self, offset: int) -> tuple[str, ...]:
        """The titles above an offset, the outermost first."""
        number = bisect_right(self.headings, offset, key=lambda heading: heading.start) - 1
        path: list[str] = []
        while number >= 0:
            path.append(self.headings[number].title)
            number = self._parents[number]
        return tuple(reversed(path))


def _parents(headings: Sequence[Heading]) -> list[int]:
    """For each heading the number of the one it stands under, or -1."""
    parents: list[int] = []
    for number, heading in enumerate(headings):
        parent = number - 1
        while parent >= 0 and headings[parent].level >= heading.level:
            parent = parents[parent]
        parents.append(parent)
    return parents
