"""Lines of PDF pages to text: running heads and page numbers away, hyphenation joined, paragraphs rebuilt. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

Page = list[str]
Line = tuple[int, str]  # the page it is on, from 1, and its text

_EDGE = 2  # lines looked at on each edge of a page
_DIGITS = re.compile(r"\d+")
_ROMAN = re.compile(r"[ivxlcdm]{1,8}|[IVXLCDM]{1,8}")
_ALONE = re.compile(
    r"\W*(?:page|seite|p\.|第)?\s*(\d{1,5})\s*(?:(?:of|/|von|de|sur)\s*\d{1,5}|页|頁)?\W*", re.IGNORECASE
)
_EDGE_NUMBER = re.compile(r"^(\d{1,5})\s+\S|\S\s+(\d{1,5})$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN = re.compile(r"([^\W\d_]+)[-\u00ad\u2010]$")
_LONGEST_WORD = 60  # characters
_ITEM = re.compile(r"(?:[•◦▪‣·∙○●■□–—*-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_STOPS = tuple(".!?:;。！？：；”’\"')")
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]")


def without_running_lines(pages: Sequence[Page]) -> tuple[list[Page], int]:
    """Pages without the lines that run along at their edges, and how many pages had some.

    A running line is the same, digits aside, on two fifths of the pages and on three at least, or holds a number that
    counts with the pages on an edge where half of the pages have one.
    """
    repeated = _repeated(pages)
    above, below = _offset([page[:_EDGE] for page in pages]), _offset([page[-_EDGE:] for page in pages])
    kept: list[Page] = []
    for number, page in enumerate(pages):
        first, last = 0, len(page)
        while first < min(_EDGE, last) and _runs(page[first], number, repeated, above):
            first += 1
        while last > max(first, len(page) - _EDGE) and _runs(page[last - 1], number, repeated, below):
            last -= 1
        kept.append(page[first:last])
    return kept, sum(1 for page, rest in zip(pages, kept, strict=True) if len(rest) < len(page))


def _key(line: str) -> str:
    return _DIGITS.sub("#", " ".join(line.split())).lower()


def _repeated(pages: Sequence[Page]) -> set[str]:
    counts = Counter(key for page in pages for key in {_key(line) for line in (*page[:_EDGE], *page[-_EDGE:])})
    least = max(3, len(pages) * 2 // 5)
    return {key for key, count in counts.items() if count >= least}


def _numbers(line: str) -> set[int]:
    """Numbers that may be the page's: alone on a line, or at an end of it."""
    line = " ".join(line.split())
    alone = _ALONE.fullmatch(line)
    if alone:
        return {int(alone[1])}
    return {int(match[1] or match[2]) for match in _EDGE_NUMBER.finditer(line)} if len(line) < 120 else set()


def _offset(edges: Sequence[Page]) -> int | None:
    """Printed number less page on one edge, where it is the same on half of the pages and on three at least."""
    counts = Counter(
        offset
        for number, lines in enumerate(edges)
        for offset in {found - number for line in lines for found in _numbers(line)}
    )
    offset, count = counts.most_common(1)[0] if counts else (0, 0)
    return offset if count >= max(3, len(edges) // 2) else None


def _runs(line: str, number: int, repeated: set[str], offset: int | None) -> bool:
    if _key(line) in repeated:
        return True
    if offset is None:
        return False
    return number + offset in _numbers(line) or bool(_ROMAN.fullmatch(line.strip()))


def _broken(text: str) -> re.Match[str] | None:
    """The half word and its hyphen at the end of a text."""
    return _BROKEN.search(text[-_LONGEST_WORD:])


def _whole_words(line: str) -> str:
    broken = _broken(line)
    return line[: -len(broken[0])] if broken else line


class Paragraphs:
    """Joins lines to paragraphs with what all pages of a document show: its words and how wide its lines are."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._words: Counter[str] = Counter()
        lengths: list[int] = []
        for line in (line for page in pages for line in page):
            lengths.append(len(line))
            self._words.update(word.lower() for word in _WORD.findall(_whole_words(line)))
        lengths.sort()
        self._width = lengths[len(lengths) * 9 // 10] if lengths else 0

    def join(self, lines: Iterable[Line]) -> Iterator[tuple[list[Line], bool]]:
        """The paragraphs of consecutive lines as one line a page, each with whether an empty line goes before it."""
        paragraph: list[Line] = []
        apart, last = True, (0, "")
        for line in lines:
            if paragraph and self._continues(last, line):
                self._add(paragraph, line)
            else:
                if paragraph:
                    yield paragraph, apart
                    apart = paragraph[-1][1].endswith(_STOPS) or bool(_ITEM.match(line[1]))
                paragraph = [line]
            last = line
        if paragraph:
            yield paragraph, apart

    def _continues(self, last: Line, line: Line) -> bool:
        before, after = last[1], line[1]
        if _ITEM.match(after):
            return False
        if _broken(before) and after[0].islower():
            return True
        if len(before) < self._width * 0.7 or (last[0] != line[0] and before.endswith(_STOPS)):
            return False
        return not (before.endswith(_STOPS) and len(before) < self._width * 0.85 and not after[0].islower())

    def _add(self, paragraph: list[Line], line: Line) -> None:
        """Join a line to a paragraph's last word."""
        page, before = paragraph[-1]
        after = line[1]
        broken = _broken(before)
        if broken and after[0].islower():
            rest = _WORD.match(after)
            keep = rest is not None and self._hyphen_is_real(broken[1].lower(), rest[0].lower())
            before = before if keep and not before.endswith("\u00ad") else before[:-1]
        elif not before.endswith("/") and not (_CJK.match(before[-1]) and _CJK.match(after[0])):
            after = f" {after}"
        if page == line[0]:
            paragraph[-1] = (page, before + after)
        else:
            paragraph[-1:] = [(page, before), (line[0], after)]

    def _hyphen_is_real(self, before: str, after: str) -> bool:
        """Whether a hyphen belongs to the word: as the document writes it elsewhere, else by its halves."""
        whole, hyphenated = self._words[before + after], self._words[f"{before}-{after}"]
        if whole or hyphenated:
            return hyphenated > whole
        return bool(self._words[before] and self._words[after.partition("-")[0]])
