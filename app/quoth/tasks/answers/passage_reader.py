"""One question put to passages: do they say the answer, what is it, and which of their sentences say so."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import inf, isnan, nan
from statistics import fmean
from typing import NamedTuple

from quoth.chat import Attachment
from quoth.engine import Chat, Done, Engine, Notice, Piece, Request, Sampling, Usage
from quoth.tasks.answers.answer_source import answer_source
from quoth.tasks.answers.events import Citation, Drafted, PassagesRead, Step
from quoth.tasks.answers.prompts import IS_SAID, IS_SAID_BY, OVERHEAD, TITLE, about, answer_in, passages_of, translate
from quoth.tasks.answers.thresholds import Thresholds
from quoth.tasks.collection import Collection
from quoth.tasks.support import SourceText, invents
from quoth.tasks.yes_no import yes_odds
from quoth.text.white_space import folded

LONGEST = 64  # tokens of an answer
FLUENCY = 2.0  # what the log-probability of the answer's tokens counts: an invented answer is written with less


class Attempt(NamedTuple):
    """What a model made of some passages. Odds as in Answered."""

    read: tuple[int, ...]
    reason: str
    odds: float = nan
    text: str = ""
    citations: tuple[Citation, ...] = ()
    logprob: float = nan  # of a token of the text, the mean
    source_odds: float = nan
    look: float = nan  # odds of the best stretch alone

    @property
    def sure(self) -> float:
        """How sure the answer is: logarithms of odds; minus infinity without one that rests on something."""
        together = self.look + self.odds + self.source_odds + FLUENCY * self.logprob
        return together if self.citations and not isnan(together) else -inf


class _Draft(NamedTuple):
    """What a model wrote, why it ended, and the mean log-probability of its tokens."""

    text: str
    reason: str
    logprob: float


class PassageReader:
    """A question, with what it has cost so far. `keep` is Request.keep; `usage` is the sum of all requests."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        question: str,
        thresholds: Thresholds,
        *,
        language: str,
        keep: bool,
        cancelled: Callable[[], bool],
    ) -> None:
        """`language` is the one to answer in, by its English name; "" is the question's."""
        self.question_tokens = engine.count([question])[0]
        self.usage = Usage()
        self._engine = engine
        self._collection = collection
        self._question = question
        self._thresholds = thresholds
        self._language = language
        self._keep = keep
        self._cancelled = cancelled

    def tokens(self, parts: Sequence[int]) -> int:
        """What passages take in a prompt, with their titles and what is asked about them."""
        return sum(self._collection.sizes[part] + TITLE for part in parts) + OVERHEAD + self.question_tokens

    def seconds(self, tokens: int) -> float:
        """How long it takes to read so many tokens, by the speed so far; 0 before anything was read."""
        read = self.usage.prompt - self.usage.reused
        return tokens * self.usage.read_seconds / read if read else 0.0

    def look(self, part: int, text: str) -> Generator[Step, None, Attempt]:
        """Whether a stretch of a passage says the answer; it is not written."""
        stretch = [Attachment(f"Passage 1 ({self._collection.title(part)})", text)]
        odds = yield from self._odds(about(stretch, self._question, IS_SAID))
        return Attempt((part,), "cancelled" if isnan(odds) else "stop", odds)

    def attempt(
        self, parts: Sequence[int], look: float | None = None, done: int = 0, total: int = 0
    ) -> Generator[Step, None, Attempt]:
        """What the model says to passages, if they say it. `done` of `total` passages have been read before.

        `look` are the odds of the best stretch of them, if it was looked at.
        """
        passages, read = passages_of(self._collection, parts), tuple(parts)
        odds = yield from self._odds(about(passages, self._question, IS_SAID), len(parts), done, total or len(parts))
        if isnan(odds):
            return Attempt(read, "cancelled")
        if odds < self._thresholds.passages:
            return Attempt(read, "stop", odds)
        draft = yield from self._write(about(passages, self._question, answer_in(self._language)))
        source = SourceText.of(self._question, *(passage.text for passage in passages))
        stretches = answer_source(self._collection, parts, self._question, draft.text)
        if not stretches or invents(draft.text, source) or draft.reason == "cancelled":
            return Attempt(read, draft.reason, odds, draft.text)
        cited = " … ".join(stretch.context for stretch in stretches)
        source_odds = yield from self._odds(about(passages, self._question, IS_SAID_BY.format(text=cited)))
        citations = tuple(Citation(stretch.text, stretch.span) for stretch in stretches)
        reason = "cancelled" if isnan(source_odds) else draft.reason
        look = odds if look is None else look
        return Attempt(read, reason, odds, draft.text, citations, draft.logprob, source_odds, look)

    def answer_again(self, parts: Sequence[int], language: str) -> Generator[Step, None, str]:
        """The answer to passages in another language."""
        passages = passages_of(self._collection, parts)
        return (yield from self._write(about(passages, self._question, answer_in(language)))).text

    def translated(self, language: str) -> Generator[Step, None, str]:
        """The question in another language."""
        return (yield from self._write(translate(self._question, language), shown=False)).text

    def _write(self, question: Chat, *, shown: bool = True) -> Generator[Step, None, _Draft]:
        text, reason, logprobs = "", "stop", list[float]()
        request = Request(question, Sampling(temperature=0.0, logprobs=1), LONGEST, keep=self._keep)
        for event in self._engine.generate([request], stop=self._cancelled):
            match event:
                case Piece(_, piece, tokens):
                    text += piece
                    logprobs += [token.logprob for token in tokens]
                    if shown:
                        yield Drafted(text.strip())
                case Notice():
                    yield event
                case Done():
                    reason = event.reason
                    self.usage = self.usage.plus(event.usage)
        return _Draft(folded(text), reason, fmean(logprobs) if logprobs else 0.0)

    def _odds(self, question: Chat, passages: int = 0, done: int = 0, total: int = 0) -> Generator[Step, None, float]:
        """The odds of yes; not a number after a stop. `passages` are new ones: how far they are read is said."""
        asking = yes_odds(self._engine, [question], cancelled=self._cancelled)
        while True:
            try:
                event = next(asking)
            except StopIteration as end:
                for each in end.value:
                    self.usage = self.usage.plus(each.usage)
                return end.value[0].log if end.value else nan
            if isinstance(event, Notice):
                yield event
            elif passages:
                yield PassagesRead(done + passages * event.done // max(event.total, 1), total)
