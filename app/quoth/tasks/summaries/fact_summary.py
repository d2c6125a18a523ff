"""A summary by a model that reads little at once well: what each part of the text says, checked and put together.

Asked to summarize a text, a small model tells what it is about, or repeats its first sentences. Asked what a short
part of it says, it says that. So every part is read once and gives a sentence or a few; of those that hold, the most
telling are the summary, in the text's order, and each has its place.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Generator
from typing import NamedTuple

from quoth.chat import Attachment
from quoth.engine import Notice, Usage
from quoth.tasks.collection import Collection, Span
from quoth.tasks.summaries.descriptions import content_of
from quoth.tasks.summaries.extractive_summary import SENTENCE, ExtractedSentence
from quoth.tasks.summaries.part_notes import SYSTEM, NoteProgress, NotesWritten, NoteTaker, about_part
from quoth.tasks.summaries.sentence_check import SentenceCheck
from quoth.tasks.summaries.summary import Noted, Planned, Step
from quoth.tasks.summaries.time_estimate import Spending, TimeEstimate
from quoth.tasks.summaries.translation import Translator
from quoth.tasks.support import SourceText, lines_of, repeats, supporting_sources
from quoth.text.languages import is_in
from quoth.text.words import UNSPACED, count_words

MORE = 1.3  # sentences that are asked for, for each that the summary has room for
MOST = 5  # of a part
CHARACTERS = 35  # of a sentence in a script without spaces
UNSPACED_LANGUAGES = ("Chinese", "Japanese", "Thai")
FACT = 60  # tokens of one, at the most
PLACES = 4  # of one sentence
NEAR = 20  # sentences before one, among which a repetition of it is looked for
SOME, OFF = 3, 0.2  # parts after which a time that is off by so much is announced again


SHORTEST, UNSPACED_SHORTEST = 4, 6  # words of a fact; characters in a script without spaces
_UNSPACED = re.compile(f"[{UNSPACED}]")
_OPEN = re.compile(r"(?:[,;:，；：、(（]|\b(?:and|or|und|oder|et|ou|y|o))$")


class Facts(NamedTuple):
    """What was found about the parts that were read."""

    said: list[ExtractedSentence]
    places: dict[ExtractedSentence, tuple[Span, ...]]
    read: frozenset[int]  # parts
    known: int  # of them from before
    unsupported: int  # sentences that were left out


def sentences_of(words: int, language: str) -> int:
    """Sentences that a summary of so many words has."""
    return max(1, round(words / (CHARACTERS if language in UNSPACED_LANGUAGES else SENTENCE)))


def facts_of_a_part(parts: int, sentences: int) -> int:
    """How many facts each of so many parts is asked for, where a summary has so many sentences."""
    return max(1, min(MOST, math.ceil(MORE * sentences / max(1, parts))))


def is_whole(line: str) -> bool:
    """Whether a line has enough words to say something, and does not break off."""
    if _OPEN.search(line):
        return False
    wide = len(_UNSPACED.findall(line))
    return wide >= UNSPACED_SHORTEST or (not wide and count_words(line) >= SHORTEST)


class FactTaker:
    """Reads the parts of a collection one after another."""

    def __init__(
        self,
        collection: Collection,
        focus: str,
        language: str,
        taker: NoteTaker,
        check: SentenceCheck,
        translator: Translator,
        spending: Spending,
        most: int,
    ) -> None:
        """`language` is the text's own, "" if it is unknown: facts are written and checked in it.

        `most` tokens are written about a part.
        `spending` gets what the notes cost, and has what checks and translations do.
        """
        self._collection = collection
        self._focus = focus
        self._language = language
        self._taker = taker
        self._check = check
        self._translator = translator
        self._spending = spending
        self._most = most
        self._unsupported = 0
        self._last: deque[str] = deque(maxlen=NEAR)  # sentences, which the next might repeat

    def events(self, count: int, estimate: TimeEstimate) -> Generator[Planned | Step | Noted | Notice, None, Facts]:
        """`count` facts or fewer of each part; after a cancel, of those that were read."""
        collection, facts = self._collection, Facts([], {}, frozenset(), 0, 0)
        total, announced = len(collection), 0.0
        for part in range(total):
            if self._taker.cancelled():
                break
            left = announced - self._spending.seconds
            # The rates of other texts may be wrong for this one: after a few of its parts they are its own.
            if estimate.is_known and (not announced or (part == SOME and abs(left - estimate.seconds) > OFF * left)):
                announced = estimate.seconds + self._spending.seconds
                yield Planned(total, collection.tokens, facts.known, estimate.seconds)
            place = " > ".join(collection.place(collection.span(part)).headings)
            yield Step("reading", part, total, what=place)
            before = self._spending.seconds
            found = yield from self._of_part(part, place or "text", count)
            if found is None:
                break
            said, reading, known = found
            spent = self._spending.seconds - before
            estimate.done(part, None if known else reading, spent - reading)
            facts.said.extend(said)
            facts.places.update(said)
            facts = facts._replace(read=facts.read | {part}, known=facts.known + known)
            told = tuple((one.text, places) for one, places in said.items())
            yield Noted(part, "\n".join(f"- {text}" for text, _ in told), told)
        return facts._replace(unsupported=self._unsupported)

    def _of_part(
        self, part: int, place: str, count: int
    ) -> Generator[Step | Notice, None, tuple[dict[ExtractedSentence, tuple[Span, ...]], float, bool] | None]:
        """What holds of what the model says about a part, seconds of reading it, and whether it was known."""
        text = self._collection.text(part)
        most = min(FACT * count, self._most)
        request = about_part(text, place, most, count=count, language=self._language, focus=self._focus)
        written: NotesWritten | None = None
        for event in self._taker.write([request]):
            match event:
                case NotesWritten():
                    written = event
                case Notice():
                    yield event
                case NoteProgress():
                    pass
        if written is None:
            return None
        self._spending.add(written.usage or Usage())
        lines = [told for line in lines_of(written.text)[:count] if (told := content_of(line)) and is_whole(told)]
        lines = yield from self._in_own_language(lines)
        passage = [Attachment(place, text)]
        holds = yield from self._check.supported(lines, SourceText.of(place, text), SYSTEM, lambda _: passage)
        self._unsupported += len(holds) - sum(holds)
        said: dict[ExtractedSentence, tuple[Span, ...]] = {}
        for line in (line for line, held in zip(lines, holds, strict=True) if held):
            if any(repeats(line, other) for other in self._last):
                continue
            self._last.append(line)
            places = self._places(line, part)
            said[ExtractedSentence(line, part, places[0])] = places
        return said, written.usage.read_seconds if written.usage else 0.0, written.usage is None

    def _in_own_language(self, lines: list[str]) -> Generator[Step | Notice, None, list[str]]:
        """What was written in another language than the text's is translated, since it is held against the text."""
        if not self._language or all(is_in(line, self._language) for line in lines):
            return lines
        found = yield from self._translator.into(self._language, lines, unless=is_in)
        self._unsupported += found.count("")
        return [line for line in found if line]

    def _places(self, line: str, part: int) -> tuple[Span, ...]:
        """Where the words of a line stand, the strongest first; the whole part if nothing shows it."""
        pieces = self._collection.sentences(part)
        sources = ((number, SourceText.of(piece)) for number, (_, piece) in enumerate(pieces))
        found = tuple(pieces[number][0] for number in supporting_sources(line, sources))
        return found[:PLACES] or (self._collection.span(part),)
