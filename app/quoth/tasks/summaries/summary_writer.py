"""A summary in prose, written from notes or from the text: each sentence is held against what it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Reason, Request, Usage
from quoth.tasks.collection import Span
from quoth.tasks.summaries.descriptions import content_of
from quoth.tasks.summaries.fact_summary import sentences_of
from quoth.tasks.summaries.layout import joint
from quoth.tasks.summaries.part_notes import SAMPLING, Note
from quoth.tasks.summaries.sentence_check import SentenceCheck
from quoth.tasks.summaries.summary import Sentence, Step, Style, SummaryOptions
from quoth.tasks.summaries.translation import Translator
from quoth.tasks.support import SourceText, supporting_sources
from quoth.text.languages import is_in, is_surely_in
from quoth.text.sentences import sentences
from quoth.text.white_space import folded
from quoth.text.words import count_words

TOKENS_A_WORD = 2.5  # of a generous writer, in most languages
PLACES = 4  # of one sentence

SYSTEM = (
    "You summarize texts. Say what the text says, in plain sentences, with its own names, numbers and dates. "
    "Add nothing of your own."
)
SAY = "State its facts; do not write what it is about."
LAYOUTS: dict[Style, str] = {
    "prose": "{} of plain prose",
    "bullets": 'a list of {}, each on a line that begins with "- "',
    "outline": 'an outline of {}: a line for each topic, and under it lines that begin with "- "',
}
_MARK = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+|\d{1,2}[.)](?=[^\W\d])")


class Draft(NamedTuple):
    """A sentence that the model wrote, the white space before it, and whether it was an item of a list."""

    text: str
    gap: str
    marked: bool


def tokens_of(words: int) -> int:
    """Tokens that a summary of so many words may have."""
    return round(words * TOKENS_A_WORD) + 16


class SummaryWriter:
    """One summary in prose, of about `options.words` words and never twice as many."""

    def __init__(
        self,
        options: SummaryOptions,
        language: str,
        sources: Sequence[Note],
        check: SentenceCheck,
        translator: Translator,
        spend: Callable[[Usage], None],
    ) -> None:
        """`language` is that of the sources, "" if it is unknown; `spend` gets what the writing costs."""
        self._options = options
        self._language = language
        self._notes = sources
        self._sources = [(number, SourceText.of(note.text)) for number, note in enumerate(sources)]
        self._whole = SourceText.of(*(note.text for note in sources))
        self._check = check
        self._translator = translator
        self._spend = spend
        self.said = self.unsupported = 0  # sentences
        self.reason: Reason = "cancelled"
        self._last = ""

    def events(
        self, engine: Engine, documents: Sequence[Attachment], *, keep: bool, cancelled: Callable[[], bool]
    ) -> Generator[Step | Notice | Sentence, None, None]:
        """The sentences that are supported, once all are written and held against the sources."""
        text = yield from self._written(engine, documents, keep, cancelled)
        drafts = self._drafts(text)
        own = [draft.text for draft in drafts]
        if self._language:
            own = yield from self._translator.into(self._language, own, unless=is_in)
        holds = yield from self._check.supported(own, self._whole, SYSTEM, self._passages)
        self.unsupported = len(holds) - sum(holds)
        found = [(draft, line) for draft, line, held in zip(drafts, own, holds, strict=True) if held]
        asked = self._options.language
        # What was written in the language that was asked for need not be translated back.
        texts = [draft.text if asked and is_surely_in(draft.text, asked) else line for draft, line in found]
        if asked:
            texts = yield from self._translator.into(asked, texts, unless=is_surely_in)
        for (draft, line), said in zip(found, texts, strict=True):
            if said:
                before = self._before(draft.gap, draft.marked, said)
                self.said += 1
                yield Sentence(said, before, self._places(line))

    def _written(
        self, engine: Engine, documents: Sequence[Attachment], keep: bool, cancelled: Callable[[], bool]
    ) -> Generator[Step | Notice, None, str]:
        messages = (Message("system", SYSTEM), user_message(self._question(), documents))
        most = min(tokens_of(self._options.words), engine.info.n_ctx // 2)
        text, tokens = "", 0
        for event in engine.generate([Request(Chat(messages), SAMPLING, most, keep=keep)], stop=cancelled):
            match event:
                case Reading(_, done, total):
                    yield Step("reading", done, total, "tokens")
                case Notice():
                    yield event
                case Piece(_, piece, _, count):
                    text, tokens = text + piece, tokens + count
                    yield Step("writing", tokens, most, "tokens")
                case Done(_, reason, usage):
                    self.reason = reason
                    self._spend(usage)
        return text

    def _drafts(self, text: str) -> list[Draft]:
        """The sentences that say something, each once, for as long as there is room; not one that was cut short."""
        spans = sentences(text)
        found, words, end = dict[str, Draft](), 0, 0
        for start, stop in spans[:-1] if self.reason == "length" and len(spans) > 1 else spans:
            line, gap, end = folded(text[start:stop]), text[end:start], stop
            mark = _MARK.match(line)
            said = content_of(line[mark.end() :] if mark else line)
            count = count_words(said)
            if words >= self._options.words or words + count > 2 * self._options.words:
                break
            if said and said not in found:
                found[said] = Draft(said, gap, mark is not None)
                words += count
        return [*found.values()]

    def _question(self) -> str:
        options = self._options
        count = sentences_of(options.words, self._language)
        length = "one sentence" if count == 1 else f"{count} sentences"
        tongue = f" in {self._language}" if self._language else ""
        parts = [f"Write a summary of the text{tongue} in {LAYOUTS[options.style].format(length)}.", SAY]
        if options.focus:
            parts.append(f"What matters: {options.focus}.")
        return " ".join(parts)

    def _passages(self, said: str) -> list[Attachment]:
        """What a sentence rests on, to be held against it; all of it where no word shows that."""
        numbers = sorted(supporting_sources(said, self._sources)) or range(len(self._notes))
        return [Attachment("text", "\n".join(self._notes[number].text for number in numbers))]

    def _places(self, said: str) -> tuple[Span, ...]:
        found = (span for number in supporting_sources(said, self._sources) for span in self._notes[number].spans)
        return tuple(dict.fromkeys(found))[:PLACES]

    def _before(self, gap: str, marked: bool, said: str) -> str:
        """What stands before a sentence: by the style that was asked for, not by what the model wrote."""
        first, last, self._last = not self._last, self._last, said
        if self._options.style == "prose":
            return "" if first else "\n\n" if gap.count("\n") > 1 and not marked else joint(last, said)
        mark = "- " if marked or self._options.style == "bullets" else ""
        same_line = not (marked or "\n" in gap) and self._options.style == "outline"
        return " " if same_line and not first else f"{'' if first else chr(10)}{mark}"
