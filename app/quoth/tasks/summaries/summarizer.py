"""Summarize documents of any length: all of it is read, and what is said has its places.

Small models say what each part of the text says, and the most telling of that is the summary. Larger ones read in one
pass what fits the context; of more, the facts of every part are merged in a tree until they fit, and only then prose
is written. Either way each sentence is held against what it rests on, and is in the language it should be in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from quoth.chat import Attachment
from quoth.engine import Engine, Notice
from quoth.errors import InputError
from quoth.tasks.collection import Collection, Span
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.tasks.summaries.extractive_summary import most_telling, summarize_by_extract, target_words
from quoth.tasks.summaries.fact_summary import FACT, Facts, FactTaker, facts_of_a_part, sentences_of
from quoth.tasks.summaries.layout import Layout
from quoth.tasks.summaries.merge import merge
from quoth.tasks.summaries.part_notes import NoCache, Note, NotesCache, NoteTaker
from quoth.tasks.summaries.sentence_check import SentenceCheck
from quoth.tasks.summaries.summary import Event, Noted, Sentence, Summarized, SummaryOptions
from quoth.tasks.summaries.summary_writer import SummaryWriter, tokens_of
from quoth.tasks.summaries.time_estimate import Spending, TimeEstimate
from quoth.tasks.summaries.translation import Translator
from quoth.text.languages import is_surely_in, language_named, language_of
from quoth.text.words import count_words

ROOM = 64  # tokens for what the template adds
SMALLEST = 512  # tokens of a context in which notes can be taken and merged
LONGER = 1.25  # times the words that were asked for, that facts may have before some are left out
LOOKED_AT = 8  # parts, to see which language a text is in


class Summarizer:
    """One summary by the model. `model` names the model in the keys of the cache: its hash.

    `measures` are those of the model's class unless others are given.
    """

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
        measures: ModelClass | None = None,
    ) -> None:
        self._engine = engine
        self._collection = collection
        self._options = options
        self._cache = NoCache() if cache is None else cache
        self._model = model
        self._keep = keep
        self._cancelled = cancelled
        self._class = measures or model_class(engine.info.n_params, engine.info.n_ctx)
        self._layout = Layout(collection, options.style)
        self._spent = Spending()
        self._taker = NoteTaker(engine, self._cache, model, keep=keep, cancelled=cancelled)
        self._translator = Translator(engine, keep=keep, spend=self._spent.add, cancelled=cancelled)
        self._check = SentenceCheck(
            engine, self._class, self._cache, model, keep=keep, spend=self._spent.add, cancelled=cancelled
        )
        self._language = language_of("\n".join(self._sample()))
        self._read: frozenset[int] = frozenset()  # parts
        self._known = 0
        self._unsupported = 0
        self._told = self._extracted = False  # whether something was said, in whose words

    def events(self) -> Generator[Event, None, None]:
        """Everything, ending with Summarized. Raises InputError for too little text and too small a context."""
        words = target_words(self._collection, self._options)
        if self._class.facts:
            reason = yield from self._by_facts(words)
        elif self._class.one_pass and self._fits(words):
            reason = yield from self._in_one_pass(words)
        else:
            reason = yield from self._in_two_passes(words)
        total, tokens = len(self._collection), self._collection.tokens
        read = sum(self._collection.sizes[number] for number in self._read)
        yield Summarized(
            total,
            len(self._read),
            tokens,
            read,
            self._unsupported,
            reason,
            self._spent.usage,
            self._known,
            self._extracted,
        )

    def _sample(self) -> list[str]:
        return [
            self._collection.text(n) for n in range(0, len(self._collection), len(self._collection) // LOOKED_AT + 1)
        ]

    # By facts

    def _by_facts(self, words: int) -> Generator[Event, None, str]:
        sentences, parts = sentences_of(words, self._language), len(self._collection)
        later = sentences if self._must_translate else 0
        taking = self._take_facts(facts_of_a_part(parts, sentences), later)
        if parts <= sentences:
            facts = yield from self._as_they_come(taking, words)
        else:
            facts = yield from taking
        if self._cancelled():
            return "cancelled"
        if not facts.said:
            return (yield from self._extract(words))
        said = facts.said
        if parts > sentences:
            if sum(count_words(one.text) for one in said) > LONGER * words:
                said = most_telling(self._collection, said, words, self._options.focus)
            yield from self._say([(one.text, facts.places[one]) for one in said])
        if not self._told and not self._cancelled():
            yield Notice(0, "this is in the text's own language instead")
            for one in said:
                yield Sentence(one.text, self._layout.before(one.text, one.span), facts.places[one])
        return "cancelled" if self._cancelled() else "stop"

    def _as_they_come(self, taking: Generator[Event, None, Facts], words: int) -> Generator[Event, None, Facts]:
        """Say what each part says as soon as it is known; every part has its share of the words."""
        said, parts = 0, len(self._collection)
        while True:
            try:
                event = next(taking)
            except StopIteration as end:
                facts: Facts = end.value
                return facts
            yield event
            if isinstance(event, Noted):
                room, found = LONGER * words * (event.part + 1) / parts, []
                for text, spans in event.facts:
                    if said + count_words(text) <= room or not said:
                        found.append((text, spans))
                        said += count_words(text)
                yield from self._say(found)

    def _take_facts(self, count: int, later: int) -> Generator[Event, None, Facts]:
        """What every part says; `later` sentences will be written after that."""
        if self._engine.info.n_ctx < SMALLEST:
            what = f"a context of {self._engine.info.n_ctx:,} tokens is too small for a summary of so long a text"
            raise InputError(
                what, f"{self._collection.tokens:,} tokens", f"Take --ctx {SMALLEST} or more, or --extract"
            )
        estimate = TimeEstimate(self._collection.sizes, self._cache, self._model, count, later)
        taker = FactTaker(
            self._collection,
            self._options.focus,
            self._language,
            self._taker,
            self._check,
            self._translator,
            self._spent,
            self._class.note,
        )
        facts = yield from taker.events(count, estimate)
        estimate.keep()
        self._read, self._known, self._unsupported = facts.read, facts.known, facts.unsupported
        return facts

    @property
    def _must_translate(self) -> bool:
        """Whether what is said in the text's language was asked for in another."""
        asked = language_named(self._options.language)
        return bool(self._options.language) and (asked is None or asked.name != self._language)

    def _say(self, found: Sequence[tuple[str, tuple[Span, ...]]]) -> Generator[Event, None, None]:
        """Sentences and their places, in the language that was asked for, laid out in the style that was."""
        texts = [text for text, _ in found]
        if self._must_translate:
            texts = yield from self._translator.into(self._options.language, texts, unless=is_surely_in)
        for (_, spans), text in zip(found, texts, strict=True):
            if text:
                self._told = True
                yield Sentence(text, self._layout.before(text, spans[0]), spans)

    def _extract(self, words: int) -> Generator[Event, None, str]:
        """The text's own sentences, if the model says nothing that holds."""
        yield Notice(0, "nothing that the model wrote is supported by the text: the most telling sentences instead")
        extract = summarize_by_extract(self._collection, replace(self._options, words=words, style="prose"))
        yield from self._say([(event.text, event.spans) for event in extract if isinstance(event, Sentence)])
        self._extracted = True
        return "stop"

    # In prose

    def _fits(self, words: int) -> bool:
        """Whether the text and the summary fit the context."""
        tags = 20 * len(self._collection.documents)
        return self._collection.tokens + tags + 4 * ROOM + tokens_of(words) <= self._engine.info.n_ctx

    def _in_one_pass(self, words: int) -> Generator[Event, None, str]:
        documents = [Attachment(d.name.rpartition("/")[2], str(d.text)) for d in self._collection.documents]
        parts = range(len(self._collection))
        sources = [Note(text, (span,)) for part in parts for span, text in self._collection.sentences(part)]
        reason = yield from self._write(documents, sources, words)
        if reason != "cancelled":
            self._read = frozenset(parts)
        return reason

    def _in_two_passes(self, words: int) -> Generator[Event, None, str]:
        """Facts of every part, then prose of them."""
        later = sentences_of(words, self._language) * (2 if self._must_translate else 1)
        facts = yield from self._take_facts(max(2, self._class.note // FACT), later)
        found = [Note(one.text, facts.places[one]) for one in facts.said]
        if not self._cancelled():
            found = yield from self._merge(found, words)
        if self._cancelled():
            return "cancelled"
        if not found:
            return (yield from self._extract(words))
        documents = [Attachment("notes on the text", "\n".join(f"- {note.text}" for note in found))]
        return (yield from self._write(documents, found, words))

    def _merge(self, found: list[Note], words: int) -> Generator[Event, None, list[Note]]:
        room = self._engine.info.n_ctx - min(tokens_of(words), self._engine.info.n_ctx // 2) - 4 * ROOM
        limit = max(ROOM, min(self._class.merge, room))
        support = self._class.support
        return (
            yield from merge(self._taker, found, limit, language=self._language, support=support, spend=self._spent.add)
        )

    def _write(
        self, documents: Sequence[Attachment], sources: Sequence[Note], words: int
    ) -> Generator[Event, None, str]:
        """The summary in prose; the text's own sentences if the model says nothing that holds."""
        writer = SummaryWriter(
            replace(self._options, words=words, language=self._options.language if self._must_translate else ""),
            self._language,
            sources,
            self._check,
            self._translator,
            self._spent.add,
        )
        yield from writer.events(self._engine, documents, keep=self._keep, cancelled=self._cancelled)
        self._unsupported += writer.unsupported
        if not writer.said and writer.reason != "cancelled":
            yield from self._extract(words)
        return writer.reason
