"""Summarize documents of any length: all of it is read, and what is said has its places.

What fits the context is read in one pass. Otherwise the model takes notes on every part, the notes are merged in a
tree until they fit, and only then prose is written; each sentence of it is held against what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from quoth.chat import Attachment
from quoth.engine import Engine, Notice, Usage
from quoth.errors import InputError
from quoth.tasks.collection import Collection
from quoth.tasks.model_classes import model_class
from quoth.tasks.summaries.extractive_summary import summarize_by_extract, target_words
from quoth.tasks.summaries.merge import merge
from quoth.tasks.summaries.part_notes import (
    NoCache,
    Note,
    NoteProgress,
    NotesCache,
    NotesWritten,
    NoteTaker,
    about_part,
)
from quoth.tasks.summaries.summary import Event, Noted, Planned, Sentence, Step, Summarized, SummaryOptions
from quoth.tasks.summaries.summary_writer import SummaryWriter, tokens_of
from quoth.tasks.summaries.time_estimate import TimeEstimate
from quoth.tasks.support import SourceText, supported_lines, supporting_sources
from quoth.text.white_space import folded
from quoth.text.words import count_words

ROOM = 64  # tokens for what the template adds
SMALLEST = 512  # tokens of a context in which notes can be taken and merged


class Summarizer:
    """One summary by the model. `model` names the model in the keys of the cache: its hash."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        options: SummaryOptions,
        *,
        cache: NotesCache | None = None,
        model: str = "",
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._collection = collection
        self._options = options
        self._cache = NoCache() if cache is None else cache
        self._model = model
        self._keep = keep
        self._cancelled = cancelled
        self._class = model_class(engine.info.n_params, engine.info.n_ctx)
        self._taker = NoteTaker(engine, self._cache, model, keep=keep, cancelled=cancelled)
        self._usage = Usage()
        self._read: frozenset[int] = frozenset()  # parts
        self._known = 0
        self._unsupported = 0

    def events(self) -> Generator[Event, None, None]:
        """Everything, ending with Summarized. Raises InputError for too little text and too small a context."""
        words = target_words(self._collection, self._options)
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
        read = sum(self._collection.sizes[number] for number in self._read)
        yield Summarized(total, len(self._read), tokens, read, self._unsupported, reason, self._usage, self._known)

    def _fits(self, words: int) -> bool:
        """Whether the text and the summary fit the context, and a model of this class reads so much at once."""
        tokens = self._collection.tokens
        if tokens > self._class.part and self._class.extracts:
            return False
        fences = 20 * len(self._collection.documents)
        return tokens + fences + 4 * ROOM + tokens_of(words) <= self._engine.info.n_ctx

    def _spend(self, usage: Usage) -> None:
        self._usage = self._usage.plus(usage)

    def _in_one_pass(self, words: int) -> Generator[Event, None, str]:
        documents = [Attachment(d.name.rpartition("/")[2], str(d.text)) for d in self._collection.documents]
        parts = range(len(self._collection))
        sources = [Note(text, (span,)) for part in parts for span, text in self._collection.sentences(part)]
        reason = yield from self._write(documents, sources, words)
        if reason != "cancelled":
            self._read = frozenset(parts)
        return reason

    # Notes

    def _take_notes(self) -> Generator[Event, None, list[Note]]:
        total, collection = len(self._collection), self._collection
        if self._engine.info.n_ctx < SMALLEST:
            what = f"a context of {self._engine.info.n_ctx:,} tokens is too small for a summary of so long a text"
            raise InputError(what, f"{collection.tokens:,} tokens", f"Take --ctx {SMALLEST} or more, or --extract")
        headings = [" > ".join(collection.place(collection.span(part)).headings) or "text" for part in range(total)]
        focus, max_tokens = self._options.focus, self._class.note
        requests = [about_part(collection.text(n), headings[n], focus, max_tokens) for n in range(total)]
        found: dict[int, list[Note]] = {}
        estimate = TimeEstimate(collection.sizes, self._cache, self._model)
        planned = False
        for event in self._taker.write(requests):
            match event:
                case NoteProgress(number):
                    if not planned and estimate.is_known:
                        planned = True
                        yield Planned(total, collection.tokens, self._known, estimate.seconds)
                    yield Step("reading", len(found), total, what=headings[number])
                case NotesWritten(number, text, usage):
                    found[number] = self._notes(number, text)
                    self._read = frozenset(found)
                    self._known += usage is None
                    self._spend(usage or Usage())
                    estimate.done(number, usage)
                    yield Noted(number, "\n".join(f"- {note.text}" for note in found[number]))
                case Notice():
                    yield event
        estimate.keep()
        return [note for number in sorted(found) for note in found[number]]

    def _notes(self, part: int, text: str) -> list[Note]:
        """What is supported of the notes on a part; if nothing is, its longest sentence stands for it."""
        whole, said = self._collection.span(part), self._collection.text(part)
        lines = supported_lines(text, SourceText.of(said), self._class.support)
        pieces = self._collection.sentences(part)
        if not lines:
            span, said = max(pieces, key=lambda piece: min(count_words(piece[1]), 40), default=(whole, said))
            return [Note(folded(said)[:400], (span,))]
        sources = [(number, SourceText.of(piece)) for number, (_, piece) in enumerate(pieces)]
        places = [tuple(pieces[number][0] for number in supporting_sources(line, sources)) for line in lines]
        return [Note(line, spans or (whole,)) for line, spans in zip(lines, places, strict=True)]

    # Merging and writing

    def _merge(self, found: list[Note], words: int) -> Generator[Event, None, list[Note]]:
        room = self._engine.info.n_ctx - min(tokens_of(words), self._engine.info.n_ctx // 2) - 4 * ROOM
        limit = max(ROOM, min(self._class.merge, room))
        support = self._class.support
        return (yield from merge(self._taker, found, limit, support=support, spend=self._spend))

    def _write(
        self, documents: Sequence[Attachment], sources: Sequence[Note], words: int
    ) -> Generator[Event, None, str]:
        """The summary, sentence by sentence; the text's own sentences if the model says nothing that holds."""
        options = replace(self._options, words=words)
        writer = SummaryWriter(options, sources, self._class.support, self._spend)
        yield from writer.events(self._engine, documents, keep=self._keep, cancelled=self._cancelled)
        self._unsupported = writer.unsupported
        if not writer.said and writer.reason != "cancelled":
            yield Notice(0, "nothing that the model wrote is supported by the text: the most telling sentences instead")
            extract = summarize_by_extract(self._collection, options)
            yield from (event for event in extract if isinstance(event, Sentence))
        return writer.reason
