"""A document in passages that a model can read: by its own token counts, at the borders a reader would choose. Pure.

Borders by preference: heading, paragraph, sentence (a list item, a row of a table and a line of code are sentences
too), line, clause, word, character. Nothing is dropped: joined without their overlaps the passages are the text.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from quoth.text.fenced_blocks import CodeBlocks
from quoth.text.graphemes import is_inside_character
from quoth.text.long_text import LongText
from quoth.text.sentences import sentences
from quoth.text.words import UNSPACED

SMALLEST = 8  # tokens; below, one character of a byte-wise tokenizer might not fit
WINDOW = 256 * 1024  # characters tokenized at once
_AHEAD = 96  # characters behind the furthest border that are looked at
_TITLE_LENGTH = 4096  # characters of a heading, with the blank lines below it
_GRAPHEME = 64  # characters looked at for the beginning of one

Ends = Callable[[str], Sequence[int]]
Gap = tuple[int, int]  # the white space at a border: where the text before it ends, where the text behind it begins

_PARAGRAPH = re.compile(r"\n[^\S\n]*+\n(?:[^\S\n]*+\n)*+")
_LINE = re.compile(r"\n")
_CLOSING = r"[\"'”’»)\]」』）》】]*+"
_CLAUSE = re.compile(rf"[,;:–—.!?]{_CLOSING}(\s++)|[，；：、。！？]{_CLOSING}(\s*+)")
_WORD = re.compile(rf"(\s++)|(?<=[{UNSPACED}])()(?=[{UNSPACED}])")
_ROW = re.compile(r"[ \t]*(?:\||[^\s][^\n\t]*+\t)")
_TITLE = re.compile(r"[^\n]*+(?:\n[ \t]*([=\-~^\"'`*+#_:.])\1{2,}[ \t]*(?=\n|\Z))?\s*+")


class Passage(NamedTuple):
    """text[start:end] of a document, of which text[body:end] belongs to no passage before it. Characters.

    `tokens` are those of text[start:end], measured within a longer stretch: alone it may have a few more or less.
    """

    start: int
    body: int
    end: int
    tokens: int


def split(text: LongText, ends: Ends, size: int, *, overlap: int = 0, headings: Sequence[int] = ()) -> list[Passage]:
    """Passages of at most `size` tokens, each after the first beginning with up to `overlap` tokens of the one before.

    `ends` gives the end of each token in characters (Engine.offsets); it is called on stretches of a bounded length.
    `headings` are the offsets where one begins, ascending. Only a single character may have more than `size` tokens.
    """
    if size < SMALLEST or not 0 <= overlap <= size // 2:
        raise ValueError(
            f"passages of {size} tokens with {overlap} from the one before; at least {SMALLEST}, at most half"
        )
    return list(_Splitter(text, ends, size, overlap, headings).passages())


class _Splitter:
    def __init__(self, text: LongText, ends: Ends, size: int, overlap: int, headings: Sequence[int]) -> None:
        self._text = text
        self._tokens = _Tokens(text, ends)
        self._size = size
        self._overlap = overlap
        self._headings = headings
        self._last_content = (-1, 0)  # number of a heading, where its text begins

    def passages(self) -> Iterator[Passage]:
        start = body = 0
        while body < len(self._text):
            limit = self._tokens.reach(start, self._size)
            if limit <= body < len(self._text) and start < body:
                start = body  # no room beside the overlap
                continue
            limit = max(limit, body + 1)
            end = limit if limit == len(self._text) else self._border(start, body, limit)
            yield Passage(start, body, end, self._tokens.count(start, end))
            start, body = self._with_overlap(start, end), end

    def _border(self, start: int, body: int, limit: int) -> int:
        """The best place to end a passage, in (body, limit]."""
        view = _View(self._text[start : limit + _AHEAD], start, self._tokens.code(start, limit + _AHEAD))
        lowest = {part: max(body + 1, self._tokens.reach(start, self._size * part // 100)) for part in (40, 50, 60)}
        headings = self._headings[bisect_left(self._headings, lowest[50]) : bisect_right(self._headings, limit)]
        for at in reversed(headings):
            if not self._under_heading(at):
                return at
        for gaps, low in (
            (view.paragraphs, lowest[60]),
            (view.sentences, lowest[60]),
            (view.paragraphs, lowest[40]),
            (view.sentences, lowest[40]),
            (view.rows, body + 1),
            (view.lines, lowest[60]),
            (view.clauses, lowest[60]),
            (view.words, lowest[60]),
            (view.words, body + 1),
        ):
            for _, behind in reversed(gaps(low, limit)):
                at = min(behind, limit) if gaps is view.words else behind
                if at <= limit and not view.is_inside_character(at) and not self._under_heading(at):
                    return at
        return view.character(body, limit)

    def _under_heading(self, at: int) -> bool:
        """Whether a passage that ends here would end with a heading that nothing follows."""
        number = bisect_left(self._headings, at) - 1
        return number >= 0 and at <= self._content(number)

    def _content(self, number: int) -> int:
        """Where the text under a heading begins."""
        if self._last_content[0] != number:
            begun = self._headings[number]
            title = _TITLE.match(self._text[begun : begun + _TITLE_LENGTH])
            self._last_content = number, begun + (title.end() if title else 0)
        return self._last_content[1]

    def _with_overlap(self, start: int, end: int) -> int:
        """Where the passage behind `end` begins: with whole sentences of the same section."""
        if not self._overlap or end == len(self._text):
            return end
        number = bisect_right(self._headings, end)
        following = self._headings[number : number + 1]
        if following and following[0] - end < _AHEAD and not self._text[end : following[0]].strip():
            return end
        first = max(start + 1, self._headings[number - 1] if number else 0)
        begun = max(start, self._tokens.back(end, 2 * self._overlap))  # a sentence begins behind the end of another
        view = _View(self._text[begun:end], begun, self._tokens.code(begun, end))
        for _, at in view.sentences(first, end - 1):
            if self._tokens.count(at, end) <= self._overlap:
                return at
        return end


class _View:
    """A stretch of text around a border; offsets are those of the document."""

    def __init__(self, text: str, start: int, code: Sequence[Gap]) -> None:
        self._text = text
        self._start = start
        self._code = code
        self._sentences: list[Gap] | None = None
        self.lines, self.clauses, self.words = (partial(self._matches, p) for p in (_LINE, _CLAUSE, _WORD))

    def paragraphs(self, low: int, high: int) -> list[Gap]:
        return [gap for gap in self._matches(_PARAGRAPH, low, high) if not self._in_code(gap[1])]

    def sentences(self, low: int, high: int) -> list[Gap]:
        if self._sentences is None:
            code = [(a - self._start, b - self._start) for a, b in self._code]
            spans = sentences(self._text, code=code)
            self._sentences = [self._gap(a[1], b[0]) for a, b in pairwise(spans)]
        first = bisect_left(self._sentences, low, key=lambda gap: gap[0])
        return self._sentences[first : bisect_right(self._sentences, high, key=lambda gap: gap[0])]

    def rows(self, low: int, high: int) -> list[Gap]:
        """The beginning of the line that the furthest border is in, if it is one that should stay whole."""
        end = high - self._start
        at = self._text.rfind("\n", 0, end) + 1
        whole = self._in_code(high) or _ROW.match(self._text, at)
        return [(at + self._start, at + self._start)] if whole and at + self._start >= low else []

    def character(self, low: int, high: int) -> int:
        """The last place up to `high` that is not inside a character as readers see it; `high` if there is none."""
        for at in range(high, max(low, high - _GRAPHEME), -1):
            if not self.is_inside_character(at):
                return at
        return high

    def is_inside_character(self, at: int) -> bool:
        at -= self._start
        return 0 < at < len(self._text) and is_inside_character(self._text[at - 1], self._text[at])

    def _in_code(self, at: int) -> bool:
        return any(start < at < end for start, end in self._code)

    def _matches(self, pattern: re.Pattern[str], low: int, high: int) -> list[Gap]:
        """The gaps that begin in [low, high]."""
        found = []
        for match in pattern.finditer(self._text, low - self._start):
            gap = match.span(match.lastindex or 0)
            if gap[0] > high - self._start:
                break
            found.append((gap[0] + self._start, gap[1] + self._start))
        return found

    def _gap(self, before: int, behind: int) -> Gap:
        """Indentation belongs to what it indents."""
        line = self._text.rfind("\n", before, behind) + 1
        return before + self._start, (line or behind) + self._start


class _Tokens:
    """Where the tokens of a document end, in the part of it that is being split; and where its code is."""

    def __init__(self, text: LongText, ends: Ends) -> None:
        self._text = text
        self._tokenize = ends
        self._ends = array("Q")
        self._read = 0  # characters tokenized
        self._code = CodeBlocks()

    def count(self, start: int, end: int) -> int:
        """Tokens of a stretch; one that goes beyond its end is one more."""
        until = bisect_right(self._ends, end)
        partial = until == 0 or self._ends[until - 1] != end
        return until - self._before(start) + partial

    def reach(self, start: int, count: int) -> int:
        """How far a stretch of at most so many tokens goes. Nothing before `start` is asked for later."""
        while len(self._ends) - self._before(start) <= count and self._read < len(self._text):
            del self._ends[: self._before(start)]
            window = self._window(self._read)
            self._ends.extend(self._read + end for end in self._tokenize(window))
            self._read += len(window)
        last = self._before(start) + count
        if last > len(self._ends):
            return len(self._text)
        shared = last < len(self._ends) and self._ends[last] == self._ends[last - 1]
        return self._ends[last - 1] - shared

    def back(self, end: int, count: int) -> int:
        """Where a stretch of so many tokens begins that ends here."""
        first = bisect_right(self._ends, end) - count
        return self._ends[first - 1] if first > 0 else 0

    def code(self, start: int, end: int) -> list[Gap]:
        """The fenced blocks of a stretch, cut to it."""
        while self._code.read < min(end, len(self._text)):
            self._code.feed(self._window(self._code.read))
        return self._code.between(start, end)

    def _before(self, start: int) -> int:
        # A tokenizer may give ends of zero: they belong to the first character.
        return bisect_right(self._ends, start) if start else 0

    def _window(self, start: int) -> str:
        """A stretch of at most WINDOW characters, to the end of a line or a word if there is one in its second half."""
        window = self._text[start : start + WINDOW]
        if start + len(window) == len(self._text):
            return window
        if (at := window.rfind("\n", WINDOW // 2) + 1) or (at := window.rfind(" ", WINDOW // 2)) > 0:
            return window[:at]
        ends = range(WINDOW - 1, WINDOW - _GRAPHEME, -1)
        return window[: next((at for at in ends if not is_inside_character(window[at - 1], window[at])), WINDOW)]
