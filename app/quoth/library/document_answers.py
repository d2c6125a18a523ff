"""Summaries of documents and answers from them: as events for the command line and the app, whole for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from quoth.engine import Notice, Usage
from quoth.library.answer_stream import Cancelled, Stream, never
from quoth.library.opened_documents import OpenDocuments
from quoth.tasks.answers.calibration import Calibration
from quoth.tasks.answers.events import Answered
from quoth.tasks.answers.question_answering import BUDGET, QuestionAnswering
from quoth.tasks.collection import Collection, Span
from quoth.tasks.summaries.extractive_summary import summarize_by_extract
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Event as SummaryEvent
from quoth.tasks.summaries.summary import Sentence, Summarized, SummaryOptions

if TYPE_CHECKING:
    from quoth.library.model import Model


def quotes_only(model: Model) -> bool:
    """Whether a model of this size should quote and not write summaries in its own words."""
    return model.size_class.extracts


def summarizing(
    model: Model,
    collection: Collection,
    options: SummaryOptions,
    *,
    extract: bool,
    private: bool | None = None,
    cancelled: Cancelled = never,
) -> Iterator[SummaryEvent]:
    """A summary of documents that were cut into parts; `extract`: in their own sentences.

    Nothing of a `private` one is kept; None: as the settings say.
    """
    if extract:
        return takewhile(lambda event: not cancelled(), summarize_by_extract(collection, options))
    always_private = model.workspace.settings.private  # then the workspace's notes are in memory
    private = always_private if private is None else private
    return Summarizer(
        model.engine,
        collection,
        options,
        cache=None if private and not always_private else model.workspace.notes,
        model=model.file.key,
        keep=not private,
        cancelled=cancelled,
        measures=model.size_class,
    ).events()


def asking(
    model: Model,
    documents: OpenDocuments,
    *,
    everything: bool = False,
    budget: float = BUDGET,
    before: str = "",
    private: bool | None = None,
    cancelled: Cancelled = never,
) -> QuestionAnswering:
    """Questions about documents; `everything`: every passage is read for each of them; `budget`: seconds of reading.

    `before` is the question that the first one may go on from. Nothing of `private` ones is on the disk; None: as the
    settings say.
    """
    private = model.workspace.settings.private if private is None else private
    collection, ranking = documents.passages(model, private=private)
    return QuestionAnswering(
        model.engine,
        collection,
        ranking,
        everything=everything,
        budget=budget,
        before=before,
        keep=not private,
        cancelled=cancelled,
        class_=model.size_class,
        calibration=None if private or model.is_measured else _calibration(model, cancelled),
    )


def _calibration(model: Model, cancelled: Cancelled) -> Calibration:
    usual = model.size_class.thresholds
    return Calibration(model.engine, model.workspace.notes, model.file.key, usual, cancelled=cancelled)


class Source(NamedTuple):
    """A place in a document: as it is cited ("policy.txt:12-14") and in parts; a line or page of 0 is unknown."""

    cite: str
    document: str
    start_line: int
    end_line: int
    page: int


class SummarySentence(NamedTuple):
    """A sentence of a summary, the white space or bullet before it (" ", "\\n- "), and its sources."""

    text: str
    before: str
    sources: tuple[Source, ...]


class Summary(Stream[SummarySentence, SummaryEvent]):
    """Sentences as they come; `text` waits for the end. Raises InputError for a text that is too short.

    After `cancel` the notes taken so far are kept for the next time.
    """

    def __init__(
        self, model: Model, documents: OpenDocuments, options: SummaryOptions, *, extract: bool | None = None
    ) -> None:
        """Without `extract` the model's size decides."""
        collection = self._collection = documents.parts(model)
        extract = quotes_only(model) if extract is None else extract
        super().__init__(
            lambda cancelled: summarizing(model, collection, options, extract=extract, cancelled=cancelled)
        )
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
    """Words of a document, and their place."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """An answer and the quotes that support it; without quotes the documents do not answer, and `text` is empty."""

    text: str
    quotes: tuple[Quote, ...]
    passages: int
    passages_read: int
    usage: Usage
    notices: tuple[str, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.quotes)


def ask(model: Model, question: str, documents: OpenDocuments, *, everything: bool) -> DocumentAnswer:
    """Ask, and wait for the answer."""
    questions = asking(model, documents, everything=everything)
    collection, notices = questions.collection, list[str]()
    for event in questions.events(question):
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
