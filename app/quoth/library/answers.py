"""What a Python program gets: text as it comes, and what is known once it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from quoth.engine import Done, Event, Notice, Piece, Reason, Thought, TokenLogprob, Usage
from quoth.tasks.summaries.summary import Event as SummaryEvent
from quoth.tasks.summaries.summary import Sentence, Summarized

if TYPE_CHECKING:
    from quoth.tasks.collection import Collection, Span
    from quoth.tasks.question_answering import Event as AskEvent

Cancelled = Callable[[], bool]
T = TypeVar("T")
E = TypeVar("E")


class Stream(Iterator[T], Generic[T, E]):
    """What a model writes, piece by piece. For one thread. Nothing is computed before the first piece is asked for."""

    def __init__(self, begin: Callable[[Cancelled], Iterator[E]]) -> None:
        self._cancelled = False
        self._events = begin(lambda: self._cancelled)
        self._text: list[str] = []
        self.notices: list[str] = []

    def __next__(self) -> T:
        for event in self._events:
            if (piece := self._take(event)) is not None:
                return piece
        raise StopIteration

    def _take(self, event: E) -> T | None:
        """The piece that an event brings; what else it says is kept."""
        raise NotImplementedError

    def cancel(self) -> None:
        """End it as soon as can be; what was written stays."""
        self._cancelled = True

    @property
    def text(self) -> str:
        """All of it; waits for the end."""
        for _ in self:
            pass
        return "".join(self._text)


class Answer(Stream[str, Event]):
    """Text as it comes: iterate over its pieces, or ask for `text`, which waits for the end.

    Raises InputError with the first piece if the prompt does not fit.
    """

    def __init__(self, begin: Callable[[Cancelled], Iterator[Event]]) -> None:
        super().__init__(begin)
        self._thought: list[str] = []
        self.reason: Reason | None = None  # None until it is over
        self.usage = Usage()
        self.logprobs: list[TokenLogprob] = []

    def _take(self, event: Event) -> str | None:
        match event:
            case Piece(_, text, logprobs):
                self._text.append(text)
                self.logprobs += logprobs
                return text
            case Thought(_, text):
                self._thought.append(text)
            case Notice(_, text):
                self.notices.append(text)
            case Done(_, reason, usage):
                self.reason, self.usage = reason, usage
        return None

    @property
    def thought(self) -> str:
        """What a reasoning model thought before it answered; waits for the end."""
        for _ in self:
            pass
        return "".join(self._thought)


class Source(NamedTuple):
    """A stretch of a document: as it is cited ("policy.txt:12-14"), and in parts; 0 where it has no such thing."""

    cite: str
    document: str
    start_line: int
    end_line: int
    page: int


class SummarySentence(NamedTuple):
    """A sentence of a summary, what stands before it (" ", "\\n- "), and where it is from."""

    text: str
    before: str
    sources: tuple[Source, ...]


class Summary(Stream[SummarySentence, SummaryEvent]):
    """Sentences as they come; `text` waits for the end. Raises InputError for a text that is too short.

    After a cancel the notes taken so far are kept for the next time.
    """

    def __init__(self, collection: Collection, begin: Callable[[Cancelled], Iterator[SummaryEvent]]) -> None:
        super().__init__(begin)
        self._collection = collection
        self.end: Summarized | None = None  # what was read, once it is over

    def _take(self, event: SummaryEvent) -> SummarySentence | None:
        match event:
            case Sentence(text, before, spans):
                self._text += [before, text]
                return SummarySentence(text, before, _sources(self._collection, spans))
            case Notice(_, text):
                self.notices.append(text)
            case Summarized():
                self.end = event
        return None


class Quote(NamedTuple):
    """Words of a document, and where they stand."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """An answer, and the quotes that hold it; without any the answer is not in the documents, and empty."""

    text: str
    quotes: tuple[Quote, ...]
    passages: int
    passages_read: int
    usage: Usage
    notices: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.quotes)


def document_answer(collection: Collection, events: Iterable[AskEvent]) -> DocumentAnswer:
    """The end of a question."""
    from quoth.tasks.question_answering import Answered

    notices: list[str] = []
    for event in events:
        match event:
            case Notice(_, text):
                notices.append(text)
            case Answered():
                quotes = tuple(Quote(one.quote, *_sources(collection, [one.span])) for one in event.citations)
                read = len(set(event.read))
                return DocumentAnswer(event.answer, quotes, len(collection), read, event.usage, tuple(notices))
    raise AssertionError("a question without an end")


def _sources(collection: Collection, spans: Iterable[Span]) -> tuple[Source, ...]:
    def source(span: Span) -> Source:
        place = collection.place(span)
        name = collection.documents[span.document].name
        return Source(collection.cite(span), name, place.start_line, place.end_line, place.page)

    return tuple(dict.fromkeys(map(source, spans)))
