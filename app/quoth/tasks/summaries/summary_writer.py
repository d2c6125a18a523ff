"""The summary itself, written from notes or from the text: sentence by sentence, each held against what it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Request, Usage
from quoth.tasks.summaries.part_notes import SAMPLING, Note
from quoth.tasks.summaries.summary import Sentence, Step, Style, SummaryOptions
from quoth.tasks.support import SourceText, numbers, support, supporting_sources
from quoth.text.sentences import sentences
from quoth.text.white_space import folded
from quoth.text.words import count_words

TOKENS_A_WORD = 2.5  # of a generous writer, in most languages
PLACES = 4  # of one sentence

SYSTEM = (
    "You summarize texts. Say what the text says, in plain sentences, with its own names, numbers and dates. "
    "Add nothing of your own."
)
STYLES: dict[Style, str] = {
    "prose": "Write it as plain prose.",
    "bullets": 'Write it as a list, each line beginning with "- ".',
    "outline": 'Write it as an outline: a line for each topic, and under it lines that begin with "- ".',
}
_MARK = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+")


def tokens_of(words: int) -> int:
    """Tokens that a summary of so many words may have."""
    return round(words * TOKENS_A_WORD) + 16


class SummaryWriter:
    """One summary as it is written, of about `options.words` words and never twice as many."""

    def __init__(
        self, options: SummaryOptions, sources: Sequence[Note], threshold: float, spend: Callable[[Usage], None]
    ) -> None:
        """`threshold` is the share of a sentence's words that the sources must have; `spend` gets what it costs."""
        self._options = options
        self._sentences = _SupportedSentences(sources, threshold, options)
        self._spend = spend
        self.said = 0  # sentences
        self._counted = 0  # words
        self.reason = "cancelled"

    @property
    def unsupported(self) -> int:
        """Sentences that were left out."""
        return self._sentences.unsupported

    def events(
        self, engine: Engine, documents: Sequence[Attachment], *, keep: bool, cancelled: Callable[[], bool]
    ) -> Generator[Step | Notice | Sentence, None, None]:
        """The sentences that are supported, as they come."""
        messages = (Message("system", SYSTEM), user_message(self._question(), documents))
        max_tokens = min(tokens_of(self._options.words), engine.info.n_ctx // 2)
        request = Request(Chat(messages), SAMPLING, max_tokens, keep=keep)
        text = ""
        for event in engine.generate([request], stop=lambda: self._enough or cancelled()):
            match event:
                case Reading(_, done, total):
                    yield Step("reading", done, total, "tokens")
                case Notice():
                    yield event
                case Piece(_, piece):
                    text += piece
                    yield from self._take(text, ended=False)
                case Done(_, ended, usage):
                    self._spend(usage)
                    yield from self._take(text, ended=ended == "stop")
                    self.reason = "stop" if self._enough and not cancelled() else ended

    @property
    def _enough(self) -> bool:
        return self._counted >= self._options.words

    def _take(self, text: str, *, ended: bool) -> Generator[Sentence, None, None]:
        """The sentences that are whole now, for as long as there is room."""
        for sentence in self._sentences.feed(text, ended=ended):
            words = count_words(sentence.text)
            if self._enough or self._counted + words > 2 * self._options.words:
                self._counted = max(self._counted, self._options.words)
                return
            self._counted += words
            self.said += 1
            yield sentence

    def _question(self) -> str:
        options = self._options
        parts = [f"Write a summary of the text in about {options.words} words.", STYLES[options.style]]
        if options.focus:
            parts.append(f"What matters: {options.focus}.")
        if options.language:
            parts.append(f"Write it in {options.language}.")
        return " ".join(parts)


class _SupportedSentences:
    """Sentences of a text that grows: each once it is whole, if its sources support it."""

    def __init__(self, sources: Sequence[Note], threshold: float, options: SummaryOptions) -> None:
        self._notes = sources
        self._sources = [(number, SourceText.of(note.text)) for number, note in enumerate(sources)]
        self._whole = SourceText.of(*(note.text for note in sources))
        self._threshold = threshold
        self._options = options
        self._done = 0  # characters of the text
        self._said: set[str] = set()
        self._first = True
        self.unsupported = 0

    def feed(self, text: str, *, ended: bool = False) -> list[Sentence]:
        """The sentences that are whole now; the last one only if nothing follows."""
        spans = sentences(text[self._done :])
        offset, found = self._done, []
        for start, end in spans if ended else spans[:-1]:
            if sentence := self._sentence(text, offset + start, offset + end):
                found.append(sentence)
            self._done = offset + end
        return found

    def _sentence(self, text: str, start: int, end: int) -> Sentence | None:
        said = folded(text[start:end])
        mark = _MARK.match(said)
        bare = said[mark.end() :] if mark else said
        if not bare or bare in self._said:
            return None
        self._said.add(bare)
        if not self._is_supported(bare):
            self.unsupported += 1
            return None
        before = self._before(text[self._done : start], mark is not None)
        self._first = False
        spans = dict.fromkeys(span for n in supporting_sources(bare, self._sources) for span in self._notes[n].spans)
        return Sentence(bare, before, tuple(spans)[:PLACES])

    def _is_supported(self, said: str) -> bool:
        """In another language no word stands in the text, but its numbers do."""
        if self._options.language:
            return self._whole.numbers.issuperset(numbers(said))
        return support(said, self._whole) >= self._threshold

    def _before(self, gap: str, marked: bool) -> str:
        """What stands before a sentence: by the style that was asked for, not by what the model wrote."""
        if self._options.style == "prose":
            lines = min(2, gap.count("\n"))
            return "" if self._first else "\n\n" if lines == 2 and not marked else " "
        mark = "- " if marked or self._options.style == "bullets" else ""
        line = "" if self._first else "\n"
        same_line = not (marked or "\n" in gap) and self._options.style == "outline"
        return " " if same_line and not self._first else line + mark
