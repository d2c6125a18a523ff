"""PDF to text, page by page; the warnings of pypdf are silenced."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError
from pypdf.generic import Destination

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.formats.pdf.fonts import GAP, mend_spaces
from quoth.documents.formats.pdf.lines import Line, Page, Paragraphs, without_running_lines
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError

logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)

_TAIL = 2048  # bytes at the end in which the end mark stands
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff]")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_NUMBER = re.compile(r"^[\dA-Z.]*\d[\d.]*\.?\s+")
# What a damaged file makes pypdf raise besides its own errors.
_DAMAGE = (
    PyPdfError, ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip

Titles = dict[int, list[tuple[int, str]]]  # entries of the outline by page, from 0: level and title


def read_pdf(raw: RawDocument) -> Document:
    """The text layer of a PDF. Raises InputError without one, for a password and for a damaged file."""
    data, name = raw.data(), raw.name
    if b"%%EOF" not in data[-_TAIL:]:
        raise InputError(f"{name} is cut short", "the end of the PDF is missing", "Fetch it again")
    try:
        reader = _opened(data, name)
        count = len(reader.pages)
    except _DAMAGE as error:
        try_ = 'Repair it, for example with "qpdf IN OUT"'
        raise InputError(f"{name} is a damaged PDF", _reason(error), try_) from None
    pages, damaged = _pages(reader, count)
    if not any(pages):
        raise _without_text(name, count, damaged)
    builder = DocumentBuilder()
    _write(builder, pages, _outline(reader))
    builder.notices += _notices(pages, damaged)
    return builder.finish(name, "pdf")


def _opened(data: bytes, name: str) -> PdfReader:
    reader = PdfReader(io.BytesIO(data), strict=False)
    locked = InputError(f"{name} is encrypted", "it needs a password", 'Try "qpdf --decrypt --password=... IN OUT"')
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise locked
    except DependencyError:
        try_ = 'Try "qpdf --decrypt IN OUT", or install "pypdf[crypto]"'
        raise InputError(f"{name} is encrypted", "with AES, which needs another package", try_) from None
    return reader


def _pages(reader: PdfReader, count: int) -> tuple[list[Page], list[int]]:
    """The lines of every page, and the numbers of those that could not be read."""
    pages: list[Page] = []
    damaged: list[int] = []
    for number in range(count):
        try:
            page = reader.pages[number]
            mend_spaces(page)
            text = page.extract_text(space_width=GAP)
        except _DAMAGE:
            damaged.append(number + 1)
            text = ""
        lines = (" ".join(_CONTROLS.sub(" ", line).translate(_LIGATURES).split()) for line in text.splitlines())
        pages.append([line.encode("utf-8", "replace").decode() for line in lines if line])
    return pages, damaged


def _outline(reader: PdfReader) -> Titles:
    """The bookmarks; none where they are damaged."""
    titles: Titles = {}
    try:
        for level, entry in _entries(reader.outline, 1):
            page = reader.get_destination_page_number(entry)
            if page is not None and page >= 0 and entry.title:
                titles.setdefault(page, []).append((level, " ".join(entry.title.split())))
    except _DAMAGE:
        return {}
    return titles


def _entries(outline: object, level: int) -> Iterator[tuple[int, Destination]]:
    for entry in outline if isinstance(outline, list) else ():
        if isinstance(entry, list):
            yield from _entries(entry, level + 1)
        else:
            yield level, entry


def _write(builder: DocumentBuilder, pages: list[Page], titles: Titles) -> None:
    kept, trimmed = without_running_lines(pages)
    if trimmed:
        builder.notices.append(f"running heads and page numbers were left out on {_count(trimmed)}")
    paragraphs = Paragraphs(kept)
    stretch: list[Line] = []
    for number, lines in enumerate(kept):
        found = _located(lines, titles.get(number, []))
        for at, line in enumerate(lines):
            if at in found:
                _write_stretch(builder, paragraphs, stretch)
                builder.block()
                builder.pages.set(builder.next_start, number + 1)
                builder.heading(found[at], line)
            else:
                stretch.append((number + 1, line))
    _write_stretch(builder, paragraphs, stretch)


def _write_stretch(builder: DocumentBuilder, paragraphs: Paragraphs, stretch: list[Line]) -> None:
    """Write the lines between two headings, and forget them."""
    for parts, apart in paragraphs.join(stretch):
        builder.block() if apart else builder.newline()
        for page, text in parts:
            builder.pages.set(builder.next_start, page)
            builder.write(text)
    stretch.clear()


def _located(lines: Page, titles: list[tuple[int, str]]) -> dict[int, int]:
    """The lines that are titles of the outline, with their levels; a number may stand before the title."""
    found: dict[int, int] = {}
    keys = [_key(line) for line in lines]
    for level, title in titles:
        wanted = _key(title)
        at = next((at for at, key in enumerate(keys) if key == wanted and at not in found), -1)
        if wanted and at >= 0:
            found[at] = level
    return found


def _key(title: str) -> str:
    return "".join(_NUMBER.sub("", title).split()).lower()


def _without_text(name: str, count: int, damaged: list[int]) -> InputError:
    if len(damaged) == count:
        return InputError(f"{name} is a damaged PDF", f"none of {_count(count)} could be read")
    return InputError(
        f"{name} has no text layer", f"{_count(count)} of images", 'Add one first, for example with "ocrmypdf IN OUT"'
    )


def _notices(pages: list[Page], damaged: list[int]) -> Iterator[str]:
    if damaged:
        yield f"{_named(damaged)} could not be read"
    empty = [number for number, page in enumerate(pages, 1) if not page and number not in damaged]
    if empty:
        yield f"{_named(empty)} {'has' if len(empty) == 1 else 'have'} no text"


def _named(numbers: list[int]) -> str:
    """ "page 7", "pages 7, 9 and 12", "pages 1, 2, 3, 4, 5 and 120 more"."""
    shown = [str(number) for number in numbers[:5]]
    if len(numbers) > 5:
        return f"pages {', '.join(shown)} and {len(numbers) - 5} more"
    return f"page {shown[0]}" if len(shown) == 1 else f"pages {', '.join(shown[:-1])} and {shown[-1]}"


def _count(pages: int) -> str:
    return "1 page" if pages == 1 else f"{pages:,} pages"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
