"""Where a stretch of a document stands, and how a citation prints that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Place(NamedTuple):
    """Where a stretch of a document is, in the document's own coordinates; 0 and "" where it has no such thing."""

    start_line: int = 0  # lines of the file as an editor counts them, from 1
    end_line: int = 0
    page: int = 0  # PDF, from 1
    end_page: int = 0
    chapter: str = ""  # EPUB
    headings: tuple[str, ...] = ()  # the heading path above the start, outermost first


def citation(name: str, place: Place) -> str:
    """A place in the document `name` as it is shown: "policy.txt:12-14", "report.pdf p.3", "book.epub, Chapter 3"."""
    if place.start_line:
        return f"{name}:{_range(place.start_line, place.end_line)}"
    if place.page:
        return f"{name} p.{_range(place.page, place.end_page)}"
    title = place.chapter or (place.headings[-1] if place.headings else "")
    return f"{name}, {title}" if title else name


def bracketed(citations: Iterable[str]) -> str:
    """Citations as they stand behind the words that they support."""
    return f"[{'; '.join(citations)}]"


def _range(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else str(first)
