"""Text that is its own document: plain text, Markdown, source code; headings found where they are plain to see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from quoth.documents.document import Document, Heading
from quoth.documents.offset_map import LineMap
from quoth.documents.raw_document import RawDocument
from quoth.text.long_text import LongText

WINDOW = 1024 * 1024  # characters looked at in one go
LONGEST_TITLE = 120  # characters

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*", re.MULTILINE)
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(\S[^\n]*)$", re.MULTILINE)
_SETEXT = re.compile(r"\n {0,3}(=+|-{2,})[ \t]*(?=\n|\Z)")
_NO_SETEXT = re.compile(r"\s*(?:[-=#>*+|]|\d+[.)]|$)")  # lists, quotes, tables and empty lines have no underline

# "4.9.1. Title" alone between blank lines.
_NUMBERED = re.compile(
    r"\n[ \t]*\n(?P<line>[ \t]{0,8}(?P<number>(?:\d{1,3}|[A-Z])(?:\.\d{1,3}){0,5})(?P<dot>\.?)"
    r"[ \t]+(?P<title>[^\n]+))\n(?=[ \t]*\n)"
)
# A title and a line of one sign as long as it, reStructuredText's; with a line above it, its own level.
_UNDERLINE = re.compile(r"\n(?P<sign>[=\-*~^\"+#.'`:])(?P=sign){2,}[ \t]*(?=\n|\Z)")
_NUMBER = re.compile(r"((?:\d{1,3}|[A-Z])(?:\.\d{1,3})*)\.?[ \t]+\S")
_ENDS_LIKE_PROSE = (".", ",", ";", ":")


def read_text(raw: RawDocument) -> Document:
    """Plain text."""
    return _read(raw, "text", text_headings)


def read_markdown(raw: RawDocument) -> Document:
    """Markdown."""
    return _read(raw, "markdown", markdown_headings)


def read_code(raw: RawDocument) -> Document:
    """Source code, which has no headings."""
    return _read(raw, "code", lambda text: [])


def _read(raw: RawDocument, kind: str, headings: Callable[[LongText], list[Heading]]) -> Document:
    decoded = raw.text()
    text = decoded.text
    return Document(raw.name, kind, text, headings(text), decoded.notices, lines=LineMap(text, decoded.file_lines))


def windows(text: LongText) -> Iterator[tuple[int, str]]:
    """A long text in stretches that end at an empty line where there is one, with their offsets.

    Two newlines stand before each, so that its first line is like any other; the offset is that of the first of them.
    """
    start = 0
    while start < len(text):
        part = text[start : start + WINDOW]
        cut = part.rfind("\n\n") + 1 if start + WINDOW < len(text) else 0
        part = part[:cut] if cut > 0 else part
        yield start - 2, f"\n\n{part}"
        start += len(part)


def markdown_headings(text: LongText) -> list[Heading]:
    """Headings of both forms (CommonMark 4.2 and 4.3), those within fences left out."""
    headings: list[Heading] = []
    fence = ""
    for offset, part in windows(text):
        fenced, fence = _fenced(part, fence)
        found = [(match.start(1), len(match[1]), _closed(match[2])) for match in _ATX.finditer(part)]
        found += [
            (start, 1 if match[1][0] == "=" else 2, title)
            for match, start, title in _titles(_SETEXT, part)
            if not _NO_SETEXT.match(title)
        ]
        at = 0
        for start, level, title in sorted(found):
            while at < len(fenced) and fenced[at][1] <= start:
                at += 1
            if at == len(fenced) or start < fenced[at][0]:
                headings.append(Heading(offset + start, level, title.strip()[:LONGEST_TITLE]))
    return headings


def _closed(title: str) -> str:
    """An ATX title without the signs that may close it."""
    bare = title.rstrip().rstrip("#")
    return bare if bare[-1:].isspace() else title


def _titles(underline: re.Pattern[str], part: str) -> Iterator[tuple[re.Match[str], int, str]]:
    """Underlines, each with the line above it and where that begins."""
    for match in underline.finditer(part):
        start = part.rfind("\n", 0, match.start()) + 1
        title = part[start : match.start()].rstrip()
        if title and len(title) <= LONGEST_TITLE:
            yield match, start, title


def _fenced(part: str, fence: str) -> tuple[list[tuple[int, int]], str]:
    """The stretches within code fences, and the fence that is open at the end; `fence` is open at the start."""
    stretches: list[tuple[int, int]] = []
    opened = 0
    for match in _FENCE.finditer(part):
        marks = match[1]
        if not fence:
            fence, opened = marks, match.start()
        elif marks.startswith(fence) and not match[0].strip().strip(marks[0]):
            stretches.append((opened, match.end()))
            fence = ""
    if fence:
        stretches.append((opened, len(part)))
    return stretches, fence


def text_headings(text: LongText) -> list[Heading]:
    """Headings of plain text: underlined ones, and numbered ones alone on their line ("4.9. Title").

    A number gives the level; without one it is the order in which the signs appear, as reStructuredText has it.
    """
    styles: list[str] = []
    underlined: list[Heading] = []
    numbered: list[Heading] = []
    for offset, part in windows(text):
        underlined += [Heading(offset + start, level, title) for start, level, title in _underlined(part, styles)]
        numbered += [Heading(offset + start, level, title) for start, level, title in _numbered(part)]
    starts = {heading.start for heading in underlined}
    both = any(heading.start in starts for heading in numbered)
    alone = [heading for heading in numbered if heading.start not in starts]
    kept = [heading for heading in alone if heading.level > 1] if both else _without_lists(alone)
    return sorted(underlined + kept, key=lambda heading: heading.start)


def _without_lists(headings: list[Heading]) -> list[Heading]:
    """Headings without the short items of numbered lists: of the same level, with nothing but a number between them."""
    near = [
        later.start - (earlier.start + len(earlier.title)) < 24 and later.level == earlier.level
        for earlier, later in pairwise(headings)
    ]
    return [
        heading
        for number, heading in enumerate(headings)
        if not (near[number : number + 1] == [True] or (number and near[number - 1]))
    ]


def _numbered(part: str) -> Iterator[tuple[int, int, str]]:
    start = 0
    while match := _NUMBERED.search(part, start):
        start = match.end("line")  # the empty line behind it may begin the next one
        number, title = match["number"], match["title"].strip()
        plain = match["dot"] or "." in number
        if plain and len(title) <= LONGEST_TITLE and title[0].isalpha() and not title.endswith(_ENDS_LIKE_PROSE):
            yield match.start("line"), 1 + number.count("."), f"{number}{match['dot']} {title}"


def _underlined(part: str, styles: list[str]) -> Iterator[tuple[int, int, str]]:
    for match, start, title in _titles(_UNDERLINE, part):
        if title[0].isspace() or not any(character.isalnum() for character in title):
            continue
        above = part[part.rfind("\n", 0, max(0, start - 1)) + 1 : max(0, start - 1)].strip()
        over = bool(above) and above == match["sign"] * len(above)
        width = len(match[0].strip())
        if (above and not over) or not len(title) <= width <= len(title) + 4 * (1 + over):
            continue
        style = match["sign"] * (2 if over else 1)
        if style not in styles:
            styles.append(style)
        number = _NUMBER.match(title)
        yield start, 1 + (number[1].count(".") if number else styles.index(style)), title
