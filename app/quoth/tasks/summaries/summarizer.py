"""Summarize documents of any length: all of it is read, and what is said has its places.

What fits the context is read in one pass. Otherwise the model takes notes on every part, the notes are merged in a
tree until they fit, and only then prose is written; each sentence of it is held against what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from quoth.chat import Attachment
from quoth.engine import Engine, Notice, Usage
from quoth.errors import InputError
from quoth.tasks.collection import Collection, Span
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.tasks.summaries import merge, part_notes
from quoth.tasks.summaries.extractive_summary import Extracted, extracting
from quoth.tasks.summaries.part_notes import NoCache, Note, NotesCache
from quoth.tasks.summaries.summary import (
    LENGTHS,
    Event,
    Noted,
    Planned,
    Sentence,
    Step,
    Style,
    Summarized,
    SummaryOptions,
)
from quoth.tasks.summaries.summary_writer import Writing, tokens_of
from quoth.tasks.summaries.time_estimate import Pace
from quoth.tasks.support import SourceText, best
from quoth.text.sentences import sentences
from quoth.text.words import count_words

__all__ = [
    "LENGTHS", "Event", "Noted", "Planned", "Sentence", "Step", "Style", "Summarized", "Summarizer",
    "SummaryOptions", "by_extract", "room_for",
]  # fmt: skip

T = TypeVar("T")

SHORTEST = 25  # words of a source that there is anything to summarize of
SHARE = 0.5  # of its source's words, a summary has at most
ROOM = 64  # tokens for what the template adds
SMALLEST = 512  # tokens of a context in which notes can be taken and merged


def room_for(collection: Collection, wish: SummaryOptions) -> int:
    """Words of the summary: at most a share of the source's. Raises InputError where there is nothing to summarize."""
    words = 0
    for text in collection.texts():
        words += count_words(text)
        if words * SHARE >= wish.words and words >= SHORTEST:
            return wish.words
    if words < SHORTEST:
        raise InputError(
            "there is nothing to summarize",
            "no words" if not words else f"{words} word{'s' if words > 1 else ''}",
            f"A summary needs a text of at least {SHORTEST} words",
        )
    return min(wish.words, max(10, round(words * SHARE)))


def by_extract(collection: Collection, wish: SummaryOptions) -> Generator[Event, None, None]:
    """The most telling sentences, verbatim, in order."""
    words = room_for(collection, wish)
    total = len(collection)
    found = yield from _extracted(collection, words, wish.focus)
    if not found:
        raise InputError("no sentence of the text can stand alone", "it has no prose", "Have the model write: --write")
    heading: tuple[str, ...] | None = None
    for number, sentence in enumerate(found):
        before = "" if number == 0 else " "
        if wish.style != "prose":
            before = "- " if number == 0 else "\n- "
        if wish.style == "outline":
            here = collection.place(sentence.span).headings
            if here != heading:
                title = " > ".join(here) or collection.documents[sentence.span.document].name
                before = f"{'' if number == 0 else chr(10)}{title}\n- "
            heading = here
        yield Sentence(sentence.text, before, (sentence.span,))
    tokens = collection.tokens
    yield Summarized(total, total, tokens, tokens, 0, "stop", Usage())


def _extracted(collection: Collection, words: int, focus: str) -> Generator[Event, None, list[Extracted]]:
    steps, total = extracting(collection, words, focus), len(collection)
    while True:
        try:
            yield Step("reading", next(steps), total)
        except StopIteration as end:
            yield Step("reading", total, total)
            return cast("list[Extracted]", end.value)


class Summarizer:
    """One summary by the model. `model` names the model in the keys of what is kept: its hash."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        wish: SummaryOptions,
        *,
        kept: NotesCache | None = None,
        model: str = "",
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._collection = collection
        self._wish = wish
        self._kept = NoCache() if kept is None else kept
        self._model = model
        self._keep = keep
        self._cancelled = cancelled
        self._class: ModelClass = model_class(engine.info.n_params, engine.info.n_ctx)
        self._usage = Usage()
        self._read: frozenset[int] = frozenset()  # parts
        self._known = 0
        self._unsupported = 0

    def events(self) -> Generator[Event, None, None]:
        """Everything, ending with Summarized. Raises InputError for too little text and too small a context."""
        words = room_for(self._collection, self._wish)
        reason = "cancelled"
        if self._fits(words):
            reason = yield from self._in_one_pass(words)
        else:
            found = yield from self._take_notes()
            if not self._cancelled():
                found = yield from self._merge(found, words)
            if not self._cancelled():
                documents = [Attachment("notes on the text", "\n".join(f"- {note.text}" for note in found))]
                reason = yield from self._write(documents, found, words)
        total, tokens = len(self._collection), self._collection.tokens
        read = sum(self._collection.parts[number].passage.tokens for number in self._read)
        yield Summarized(total, len(self._read), tokens, read, self._unsupported, reason, self._usage, self._known)

    def _fits(self, words: int) -> bool:
        """Whether the text and the summary fit the context, and a model of this class reads so much at once."""
        tokens = self._collection.tokens
        if tokens > self._class.part and self._class.extracts:
            return False
        fences = 20 * len(self._collection.documents)
        return tokens + fences + 4 * ROOM + tokens_of(words) <= self._engine.info.n_ctx

    def _in_one_pass(self, words: int) -> Generator[Event, None, str]:
        documents = [Attachment(d.name.rpartition("/")[2], str(d.text)) for d in self._collection.documents]
        sources: list[Note] = []
        for part in range(len(self._collection)):
            sources += [Note(text, (span,)) for span, text in self._sentences(part)]
        reason = yield from self._write(documents, sources, words)
        if reason != "cancelled":
            self._read = frozenset(range(len(self._collection)))
        return reason

    def _sentences(self, part: int) -> list[tuple[Span, str]]:
        span, text = self._collection.span(part), self._collection.text(part)
        return [(Span(span.document, span.start + a, span.start + b), text[a:b]) for a, b in sentences(text)]

    # Notes

    def _take_notes(self) -> Generator[Event, None, list[Note]]:
        total = len(self._collection)
        if self._engine.info.n_ctx < SMALLEST:
            what = f"a context of {self._engine.info.n_ctx:,} tokens is too small for a summary of so long a text"
            raise InputError(
                what, f"{self._collection.tokens:,} tokens", f"Take --ctx {SMALLEST} or more, or --extract"
            )
        where = [self._where(number) for number in range(total)]
        asked = [
            part_notes.about_part(self._collection.text(number), where[number], self._wish.focus, self._class.note)
            for number in range(total)
        ]
        found: dict[int, list[Note]] = {}
        tokens = [part.passage.tokens for part in self._collection.parts]
        pace = Pace(tokens, self._kept, self._model)
        told = False
        for event in part_notes.write(
            self._engine, asked, kept=self._kept, model=self._model, keep=self._keep, cancelled=self._cancelled
        ):
            match event:
                case part_notes.NoteProgress(number, _, _):
                    if not told and pace.is_known:
                        told = True
                        yield Planned(total, self._collection.tokens, self._known, pace.seconds)
                    yield Step("reading", len(found), total, what=where[number])
                case part_notes.Written(number, text, usage):
                    found[number] = self._notes(number, text)
                    self._read = frozenset(found)
                    self._count(pace, number, usage)
                    yield Noted(number, "\n".join(f"- {note.text}" for note in found[number]))
                case Notice():
                    yield event
        pace.keep()
        return [note for number in sorted(found) for note in found[number]]

    def _count(self, pace: Pace, number: int, usage: Usage | None) -> None:
        if usage is None:
            self._known += 1
            pace.known(number)
        else:
            self._usage = self._usage.plus(usage)
            pace.wrote(number, usage)

    def _where(self, part: int) -> str:
        return " > ".join(self._collection.place(self._collection.span(part)).headings) or "text"

    def _notes(self, part: int, text: str) -> list[Note]:
        """What is supported of the notes on a part; if nothing is, its most telling sentence stands for it."""
        lines = part_notes.supported_lines(text, SourceText.of(self._collection.text(part)), self._class.support)
        pieces = self._sentences(part)
        if not lines:
            span, said = max(
                pieces,
                key=lambda piece: min(count_words(piece[1]), 40),
                default=(self._collection.span(part), self._collection.text(part)),
            )
            return [Note(" ".join(said.split())[:400], (span,))]
        sources = [(number, SourceText.of(piece)) for number, (_, piece) in enumerate(pieces)]
        whole = (self._collection.span(part),)
        return [Note(line, tuple(pieces[number][0] for number in best(line, sources)) or whole) for line in lines]

    # Merging and writing

    def _merge(self, found: list[Note], words: int) -> Generator[Event, None, list[Note]]:
        room = self._engine.info.n_ctx - min(tokens_of(words), self._engine.info.n_ctx // 2) - 4 * ROOM
        merged = merge.merge(
            self._engine,
            found,
            max(ROOM, min(self._class.merge, room)),
            support=self._class.support,
            kept=self._kept,
            model=self._model,
            keep=self._keep,
            cancelled=self._cancelled,
        )
        return (yield from self._events(merged))

    def _write(
        self, documents: Sequence[Attachment], sources: Sequence[Note], words: int
    ) -> Generator[Event, None, str]:
        """The summary, sentence by sentence; the text's own sentences if the model says nothing that holds."""
        writing = Writing(self._wish, words, sources, self._class.support)
        yield from self._events(writing.events(self._engine, documents, keep=self._keep, cancelled=self._cancelled))
        self._unsupported = writing.unsupported
        if not writing.said and writing.reason != "cancelled":
            yield Notice(0, "nothing that the model wrote is supported by the text: the most telling sentences instead")
            wish = replace(self._wish, words=words)
            yield from (event for event in by_extract(self._collection, wish) if isinstance(event, Sentence))
        return writing.reason

    def _events(self, source: Generator[Step | Notice | Sentence | Usage, None, T]) -> Generator[Event, None, T]:
        """What a step says, its costs added up on the way; returns what it returns."""
        while True:
            try:
                event = next(source)
            except StopIteration as end:
                return cast(T, end.value)
            if isinstance(event, Usage):
                self._usage = self._usage.plus(event)
            else:
                yield event
