"""Documents cut into passages, numbered through: what a summary and an answer work on."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quoth.documents import Document, Place
from quoth.passages import Ends, split
from quoth.text.sentences import sentences


class Span(NamedTuple):
    """A stretch of one of the documents. Characters."""

    document: int
    start: int
    end: int


class Collection:
    """Documents in parts. `ends` is Engine.offsets; `size` and `overlap` are in tokens.

    `sizes` are the tokens of each part. All numbers stand in arrays: a text of 100 MB has a hundred thousand parts.
    """

    def __init__(self, documents: Sequence[Document], ends: Ends, size: int, overlap: int = 0) -> None:
        self.documents = tuple(documents)
        self.sizes = array("Q")
        self._spans = array("Q")  # three of each part: document, start, end
        for number, document in enumerate(self.documents):
            headings = [heading.start for heading in document.headings]
            for passage in split(document.text, ends, size, overlap=overlap, headings=headings):
                self.sizes.append(passage.tokens)
                self._spans.extend((number, passage.start, passage.end))

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def tokens(self) -> int:
        """Tokens of all parts; where parts overlap, twice."""
        return sum(self.sizes)

    def text(self, number: int) -> str:
        """A part's text."""
        span = self.span(number)
        return self.documents[span.document].text[span.start : span.end]

    def texts(self) -> Iterator[str]:
        return map(self.text, range(len(self)))

    def titled_texts(self) -> Iterator[str]:
        """Each part's text behind the headings it stands under, as an index takes it."""
        for number in range(len(self)):
            yield "\n".join((*self.place(self.span(number)).headings, self.text(number)))

    def span(self, number: int) -> Span:
        return Span(*self._spans[3 * number : 3 * number + 3])

    def within(self, number: int, start: int, end: int) -> Span:
        """text(number)[start:end] as a stretch of its document."""
        span = self.span(number)
        return Span(span.document, span.start + start, span.start + end)

    def sentences(self, number: int) -> list[tuple[Span, str]]:
        """The sentences of a part, each with where it stands."""
        text = self.text(number)
        return [(self.within(number, start, end), text[start:end]) for start, end in sentences(text)]

    def place(self, span: Span) -> Place:
        return self.documents[span.document].place(span.start, span.end)

    def cite(self, span: Span) -> str:
        """As a citation names it: "policy.txt:1558-1560"."""
        return self.documents[span.document].cite(self.place(span))

    def title(self, number: int) -> str:
        """What a part is called in a prompt: its document, and the headings it stands under."""
        span = self.span(number)
        name = self.documents[span.document].name.rpartition("/")[2]
        return " > ".join((name, *self.place(span).headings))

    def headings(self, number: int) -> frozenset[int]:
        """Where headings begin in a part's text."""
        span = self.span(number)
        found = self.documents[span.document].headings
        first = bisect_left(found, span.start, key=lambda heading: heading.start)
        last = bisect_left(found, span.end, key=lambda heading: heading.start)
        return frozenset(heading.start - span.start for heading in found[first:last])

    def neighbours(self, number: int) -> tuple[int, ...]:
        """The parts next to a part in the same document."""
        document = self.span(number).document
        return tuple(n for n in (number - 1, number + 1) if 0 <= n < len(self) and self.span(n).document == document)
