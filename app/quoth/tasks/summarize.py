"""Summarize documents of any length: all of it is read, and what is said has its places.

What fits the context is read in one pass. Otherwise the model takes notes on every part, the notes are merged in a
tree until they fit, and only then prose is written; each sentence of it is held against what it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from quoth.chat import Document as Attached
from quoth.chat import Message, user_message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Request, Usage
from quoth.errors import InputError
from quoth.tasks import notes
from quoth.tasks.classes import ModelClass, model_class
from quoth.tasks.collection import Collection, Span
from quoth.tasks.extract import extract
from quoth.tasks.notes import Forgetful, Kept, Note
from quoth.tasks.support import Source, best, support
from quoth.tasks.words import count_words
from quoth.text.sentences import sentences

Style = Literal["prose", "bullets", "outline"]

LENGTHS = {"short": 60, "medium": 150, "long": 400}  # words
SHORTEST = 25  # words of a source that there is anything to summarize of
SHARE = 0.5  # of its source's words, a summary has at most
TOKENS_A_WORD = 2.5  # of a generous writer, in most languages
ROOM = 64  # tokens for what the template adds

SYSTEM = (
    "You summarize texts. Say what the text says, in plain sentences, with its own names, numbers and dates. "
    "Add nothing of your own."
)
MERGING = (
    "You are given notes on consecutive parts of one text. Write the most important of them again as a shorter list, "
    'in the same order, each on a line of its own that begins with "- ". Keep names, numbers and dates exactly.'
)
STYLES: dict[Style, str] = {
    "prose": "Write it as plain prose.",
    "bullets": 'Write it as a list, each line beginning with "- ".',
    "outline": 'Write it as an outline: a line for each topic, and under it lines that begin with "- ".',
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What kind of summary is asked for. `words` is how long; `focus` what matters; `language` what it is in."""

    words: int = LENGTHS["medium"]
    style: Style = "prose"
    focus: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What lies ahead: parts and tokens, parts that are known from before, and seconds by the rates so far."""

    parts: int
    tokens: int
    known: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Step:
    """`done` of `total` units of a step are done: "reading", 3, 42, "parts"; and what is being read now."""

    verb: str
    done: int
    total: int
    unit: str = "parts"
    what: str = ""


@dataclass(frozen=True, slots=True)
class Noted:
    """The notes on a part."""

    part: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the summary, what stands before it ("", " ", "\\n- "), and where it is from."""

    text: str
    before: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Summarized:
    """The end: what was read of what there is, and how many sentences were left out for want of support."""

    parts: int
    parts_read: int
    tokens: int
    tokens_read: int
    unsupported: int
    reason: str
    usage: Usage
    known: int = 0  # parts whose notes were there before

    @property
    def dropped(self) -> int:
        return self.tokens - self.tokens_read


Event = Planned | Step | Noted | Sentence | Notice | Summarized


def room_for(collection: Collection, wish: Wish) -> int:
    """Words of the summary: at most a share of the source's. Raises InputError where there is nothing to summarize."""
    words = 0
    for text in collection.texts():
        words += count_words(text)
        if words * SHARE >= wish.words:
            return wish.words
    if words < SHORTEST:
        raise InputError(
            "there is nothing to summarize",
            "no words" if not words else f"{words} word{'s' if words > 1 else ''}",
            f"A summary needs a text of at least {SHORTEST} words",
        )
    return max(10, round(words * SHARE))


def by_extract(collection: Collection, wish: Wish) -> Generator[Event, None, None]:
    """The most telling sentences, verbatim, in order."""
    words = room_for(collection, wish)
    total = len(collection)
    found = extract(collection, words, focus=wish.focus)
    yield Step("reading", total, total)
    heading: tuple[str, ...] = ()
    for number, sentence in enumerate(found):
        here = collection.place(sentence.span).headings
        before = "" if number == 0 else " "
        if wish.style == "bullets":
            before = "- " if number == 0 else "\n- "
        elif wish.style == "outline":
            before = "- " if number == 0 else "\n- "
            if here != heading or number == 0:
                title = " > ".join(here) or collection.documents[sentence.span.document].name
                before = f"{'' if number == 0 else chr(10)}{title}\n- "
        heading = here
        yield Sentence(sentence.text, before, (sentence.span,))
    if not found:
        raise InputError("no sentence of the text can stand alone", "it has no prose", "Try it without --extract")
    tokens = collection.tokens
    yield Summarized(total, total, tokens, tokens, 0, "stop", Usage())


class Summary:
    """One summary by the model. `model` names the model in the keys of what is kept: its hash."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        wish: Wish,
        *,
        kept: Kept | None = None,
        model: str = "",
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._collection = collection
        self._wish = wish
        self._kept = kept or Forgetful()
        self._model = model
        self._keep = keep
        self._cancelled = cancelled
        self._class: ModelClass = model_class(engine.info.n_params)
        self._usage = Usage()
        self._read = 0  # parts
        self._known = 0
        self._unsupported = 0

    def events(self) -> Generator[Event, None, None]:
        """Everything, ending with Summarized."""
        words = room_for(self._collection, self._wish)
        reason = "cancelled"
        if self._fits(words):
            reason = yield from self._in_one_pass(words)
        else:
            found = yield from self._take_notes()
            if not self._cancelled():
                found = yield from self._merge(found, words)
            if not self._cancelled():
                reason = yield from self._compose(found, words)
        total, tokens = len(self._collection), self._collection.tokens
        read = sum(self._collection.parts[n].passage.tokens for n in range(self._read))
        yield Summarized(total, self._read, tokens, read, self._unsupported, reason, self._usage, self._known)

    def _fits(self, words: int) -> bool:
        """Whether the text and the summary fit the context, and a model of this class reads so much at once."""
        tokens = self._collection.tokens
        if tokens > self._class.part and self._class.extracts:
            return False
        return tokens + 2 * ROOM + _tokens(words) + 200 <= self._engine.info.n_ctx

    # One pass

    def _in_one_pass(self, words: int) -> Generator[Event, None, str]:
        documents = [Attached(d.name.rpartition("/")[2], str(d.text)) for d in self._collection.documents]
        sources: list[Note] = []
        for part in range(len(self._collection)):
            span, text = self._collection.span(part), self._collection.text(part)
            sources += [
                Note(text[a:b], (Span(span.document, span.start + a, span.start + b),)) for a, b in sentences(text)
            ]
        reason = yield from self._write(documents, sources, words)
        self._read = len(self._collection) if reason != "cancelled" else 0
        return reason

    # Notes

    def _take_notes(self) -> Generator[Event, None, list[Note]]:
        total = len(self._collection)
        asked = [
            notes.about_part(self._collection.text(n), self._where(n), self._wish.focus, self._class.note)
            for n in range(total)
        ]
        found: dict[int, list[Note]] = {}
        clock = _Clock([part.passage.tokens for part in self._collection.parts], self._class.note)
        writing = notes.write(
            self._engine, asked, kept=self._kept, model=self._model, keep=self._keep, cancelled=self._cancelled
        )
        for event in writing:
            match event:
                case notes.Progress(number, _, _):
                    yield Step("reading", number, total, what=self._where(number))
                case notes.Written(number, text, usage):
                    found[number] = self._notes(number, text)
                    self._read = len(found)
                    if usage is None:
                        self._known += 1
                        clock.known(number)
                    else:
                        self._usage = self._usage + usage
                        first = clock.measured == 0
                        clock.wrote(number, usage)
                        if first:
                            yield Planned(total, self._collection.tokens, self._known, clock.seconds)
                    yield Noted(number, "\n".join(f"- {note.text}" for note in found[number]))
                case Notice():
                    yield event
        return [note for number in sorted(found) for note in found[number]]

    def _where(self, part: int) -> str:
        return " > ".join(self._collection.place(self._collection.span(part)).headings) or "text"

    def _notes(self, part: int, text: str) -> list[Note]:
        """What is supported of the notes on a part; if nothing is, its most telling sentence stands for it."""
        span, source_text = self._collection.span(part), self._collection.text(part)
        lines = notes.supported(notes.lines_of(text), Source.of(source_text), self._class.support)
        pieces = [
            (Span(span.document, span.start + a, span.start + b), source_text[a:b]) for a, b in sentences(source_text)
        ]
        sources = [(number, Source.of(piece)) for number, (_, piece) in enumerate(pieces)]
        if not lines:
            longest = max(pieces, key=lambda piece: min(count_words(piece[1]), 40), default=(span, source_text))
            return [Note(" ".join(longest[1].split())[:400], (longest[0],))]
        return [Note(line, tuple(pieces[number][0] for number in best(line, sources)) or (span,)) for line in lines]

    # Merging

    def _merge(self, found: list[Note], words: int) -> Generator[Event, None, list[Note]]:
        """Merge notes in a tree until they fit what a model of this class reads at once."""
        limit = min(self._class.merge, self._engine.info.n_ctx - _tokens(words) - 4 * ROOM)
        sizes = self._engine.count([note.text for note in found])
        while sum(sizes) + len(sizes) > limit and len(found) > 1:
            groups = _groups(sizes, limit // 2)
            share = max(0.25, min(0.5, limit / (sum(sizes) + 1)))
            asked = [self._merging(found[a:b], sum(sizes[a:b]), share) for a, b in groups]
            merged: dict[int, list[Note]] = {}
            writing = notes.write(
                self._engine, asked, kept=self._kept, model=self._model, keep=self._keep, cancelled=self._cancelled
            )
            for event in writing:
                match event:
                    case notes.Progress(number, _, _):
                        yield Step("merging", number, len(groups), "groups of notes")
                    case notes.Written(number, text, usage):
                        a, b = groups[number]
                        merged[number] = self._merged(found[a:b], text, share)
                        if usage is not None:
                            self._usage = self._usage + usage
                    case Notice():
                        yield event
            if self._cancelled():
                return found
            found = [note for number in sorted(merged) for note in merged[number]]
            sizes = self._engine.count([note.text for note in found])
        return found

    def _merging(self, group: Sequence[Note], tokens: int, share: float) -> notes.Asked:
        text = "\n".join(f"- {note.text}" for note in group)
        lines = max(1, round(len(group) * share))
        question = f"Write the {lines} most important of these notes."
        messages = (Message("system", MERGING), user_message(question, [Attached("notes", text)]))
        return notes.Asked(messages, max(32, round(tokens * share)))

    def _merged(self, group: Sequence[Note], text: str, share: float) -> list[Note]:
        """The supported lines of a merge, with the places of the notes they rest on; or the first notes themselves."""
        sources = [(number, Source.of(note.text)) for number, note in enumerate(group)]
        whole = Source.of(*(note.text for note in group))
        most = max(1, round(len(group) * share))
        lines = notes.supported(notes.lines_of(text), whole, self._class.support)[:most]
        if not lines:
            step = len(group) / most
            return [group[int(n * step)] for n in range(most)]
        return [
            Note(line, tuple(dict.fromkeys(span for n in best(line, sources) for span in group[n].spans)))
            for line in lines
        ]

    # Prose

    def _compose(self, found: list[Note], words: int) -> Generator[Event, None, str]:
        text = "\n".join(f"- {note.text}" for note in found)
        return (yield from self._write([Attached("notes on the text", text)], found, words))

    def _write(self, documents: Sequence[Attached], sources: Sequence[Note], words: int) -> Generator[Event, None, str]:
        """The summary, sentence by sentence, each with the places of what it rests on."""
        messages = (Message("system", SYSTEM), user_message(self._question(words), documents))
        request = Request(Chat(messages), notes.SAMPLING, _tokens(words), keep=self._keep)
        held = _Held(sources, self._class.support, by_words=not self._wish.language)
        text, reason, said, counted = "", "cancelled", 0, 0

        def enough() -> bool:
            return counted >= words or self._cancelled()

        for event in self._engine.generate([request], stop=enough):
            match event:
                case Reading(_, done, total):
                    yield Step("reading", done, total, "tokens")
                case Notice():
                    yield event
                case Piece(_, piece):
                    text += piece
                    for sentence in held.feed(text):
                        counted += count_words(sentence.text)
                        said += 1
                        yield sentence
                case Done(_, ended, usage):
                    self._usage = self._usage + usage
                    for sentence in held.feed(text, ended=ended == "stop"):
                        said += 1
                        yield sentence
                    reason = "stop" if counted >= words and not self._cancelled() else ended
        self._unsupported = held.unsupported
        if not said and reason != "cancelled":
            yield Notice(0, "nothing that the model wrote is supported by the text: the most telling sentences instead")
            wish = replace(self._wish, words=words)
            yield from (event for event in by_extract(self._collection, wish) if isinstance(event, Sentence))
        return reason

    def _question(self, words: int) -> str:
        parts = [f"Write a summary of the text in about {words} words.", STYLES[self._wish.style]]
        if self._wish.focus:
            parts.append(f"What matters: {self._wish.focus}.")
        if self._wish.language:
            parts.append(f"Write it in {self._wish.language}.")
        return " ".join(parts)


class _Held:
    """Sentences of a text that grows: each once it is whole, if its sources support it."""

    def __init__(self, sources: Sequence[Note], threshold: float, by_words: bool) -> None:
        self._notes = sources
        self._sources = [(number, Source.of(note.text)) for number, note in enumerate(sources)]
        self._whole = Source.of(*(note.text for note in sources))
        self._threshold = threshold
        self._by_words = by_words
        self._done = 0  # characters of the text
        self._said: set[str] = set()
        self._first = True
        self.unsupported = 0

    def feed(self, text: str, *, ended: bool = False) -> list[Sentence]:
        """The sentences that are whole now; the last one only if nothing follows."""
        spans = sentences(text[self._done :])
        if not ended:
            spans = spans[:-1]
        offset, found = self._done, []
        for start, end in spans:
            sentence = self._held(text, offset + start, offset + end)
            if sentence is not None:
                found.append(sentence)
            self._done = offset + end
        return found

    def _held(self, text: str, start: int, end: int) -> Sentence | None:
        said = " ".join(text[start:end].split())
        if said in self._said:
            return None
        self._said.add(said)
        if self._by_words and support(said, self._whole) < self._threshold:
            self.unsupported += 1
            return None
        gap = text[self._done : start]
        before = "" if self._first else ("\n" * min(2, gap.count("\n")) or " ")
        self._first = False
        spans = dict.fromkeys(span for n in best(said, self._sources) for span in self._notes[n].spans)
        return Sentence(said, before, tuple(spans)[:4])


class _Clock:
    """How long the rest takes, by the rates of what was done."""

    def __init__(self, tokens: Sequence[int], note: int) -> None:
        self._left = dict(enumerate(tokens))
        self._note = note
        self._read = self._read_seconds = self._written = self._write_seconds = 0.0
        self.measured = 0

    def known(self, number: int) -> None:
        self._left.pop(number, None)

    def wrote(self, number: int, usage: Usage) -> None:
        self.known(number)
        self.measured += 1
        self._read += usage.prompt - usage.reused
        self._read_seconds += usage.read_seconds
        self._written += usage.generated
        self._write_seconds += usage.write_seconds

    @property
    def seconds(self) -> float:
        """For all that is left."""
        if not self.measured:
            return 0.0
        reading = sum(self._left.values()) * self._read_seconds / max(self._read, 1)
        return reading + len(self._left) * self._write_seconds / self.measured


def _groups(sizes: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Consecutive notes of at most `limit` tokens together, at least two where there are two: (start, end)."""
    groups: list[tuple[int, int]] = []
    start, room = 0, limit
    for number, size in enumerate(sizes):
        if size + 1 > room and number - start >= 2:
            groups.append((start, number))
            start, room = number, limit
        room -= size + 1
    groups.append((start, len(sizes)))
    return groups


def _tokens(words: int) -> int:
    return round(words * TOKENS_A_WORD) + 16
