"""Documents cut into passages, numbered through: what a summary and an answer work on."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from quoth.documents import Document, Place
from quoth.passages import Ends, Passage, split
from quoth.text.sentences import sentences


@dataclass(frozen=True, slots=True)
class Part:
    """A passage of one of the documents."""

    document: int
    passage: Passage


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one of the documents. Characters."""

    document: int
    start: int
    end: int


class Parts(Sequence[Part]):
    """The parts of documents in a few bytes each: a text of 100 MB has a hundred thousand."""

    def __init__(self) -> None:
        self._numbers = array("Q")  # five of each part

    def add(self, document: int, passages: Sequence[Passage]) -> None:
        for passage in passages:
            self._numbers.extend((document, passage.start, passage.body, passage.end, passage.tokens))

    def __len__(self) -> int:
        return len(self._numbers) // 5

    @overload
    def __getitem__(self, at: int) -> Part: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Part]: ...
    def __getitem__(self, at: int | slice) -> Part | Sequence[Part]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = range(len(self))[at]
        document, *passage = self._numbers[5 * number : 5 * number + 5]
        return Part(document, Passage(*passage))


class Collection:
    """Documents and their parts. `ends` is Engine.offsets; `size` and `overlap` are in tokens."""

    def __init__(self, documents: Sequence[Document], ends: Ends, size: int, overlap: int = 0) -> None:
        self.documents = tuple(documents)
        self.parts = Parts()
        for number, document in enumerate(self.documents):
            headings = [heading.start for heading in document.headings]
            self.parts.add(number, split(document.text, ends, size, overlap=overlap, headings=headings))

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def tokens(self) -> int:
        """Tokens of all parts; where parts overlap, twice."""
        return sum(part.passage.tokens for part in self.parts)

    def text(self, number: int) -> str:
        """A part's text."""
        part = self.parts[number]
        return self.documents[part.document].text[part.passage.start : part.passage.end]

    def texts(self) -> Iterator[str]:
        return map(self.text, range(len(self)))

    def titled_texts(self) -> Iterator[str]:
        """Each part's text behind the headings it stands under, as an index takes it."""
        for number in range(len(self)):
            yield "\n".join((*self.place(self.span(number)).headings, self.text(number)))

    def span(self, number: int) -> Span:
        part = self.parts[number]
        return Span(part.document, part.passage.start, part.passage.end)

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
        document = self.parts[number].document
        return tuple(n for n in (number - 1, number + 1) if 0 <= n < len(self) and self.parts[n].document == document)
