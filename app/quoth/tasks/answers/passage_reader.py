"""One question put to passages: do they say the answer, what is it, and which of their sentences say so."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import inf, isnan, nan
from typing import NamedTuple

from quoth.engine import Chat, Done, Engine, Notice, Piece, Request, Sampling, Usage
from quoth.tasks.answers.answer_source import answer_source
from quoth.tasks.answers.events import Citation, Drafted, PassagesRead, Step
from quoth.tasks.answers.prompts import IS_SAID, IS_SAID_BY, OVERHEAD, TITLE, about, answer_in, passages_of, translate
from quoth.tasks.answers.thresholds import Thresholds
from quoth.tasks.collection import Collection
from quoth.tasks.yes_no import yes_odds

LONGEST = 64  # tokens of an answer


class Attempt(NamedTuple):
    """What a model made of some passages. Odds as in Answered."""

    read: tuple[int, ...]
    reason: str
    odds: float = nan
    text: str = ""
    citations: tuple[Citation, ...] = ()
    source_odds: float = nan

    @property
    def sure(self) -> float:
        """Both odds together; minus infinity without an answer that rests on something."""
        together = self.odds + self.source_odds
        return together if self.citations and not isnan(together) else -inf


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

    def seconds(self, parts: Sequence[int]) -> float:
        """How long it takes to read passages, by the speed so far; 0 before anything was read."""
        read = self.usage.prompt - self.usage.reused
        return self.tokens(parts) * self.usage.read_seconds / read if read else 0.0

    def attempt(self, parts: Sequence[int], done: int = 0, total: int = 0) -> Generator[Step, None, Attempt]:
        """What the model says to passages, if they say it. `done` of `total` passages have been read before."""
        passages, read = passages_of(self._collection, parts), tuple(parts)
        odds = yield from self._odds(about(passages, self._question, IS_SAID), len(parts), done, total or len(parts))
        if isnan(odds):
            return Attempt(read, "cancelled")
        if odds < self._thresholds.passages:
            return Attempt(read, "stop", odds)
        text, reason = yield from self.write(about(passages, self._question, answer_in(self._language)))
        stretches = answer_source(self._collection, parts, self._question, text)
        if not stretches or reason == "cancelled":
            return Attempt(read, reason, odds, text)
        cited = " … ".join(stretch.context for stretch in stretches)
        source_odds = yield from self._odds(about(passages, self._question, IS_SAID_BY.format(text=cited)))
        citations = tuple(Citation(stretch.text, stretch.span) for stretch in stretches)
        return Attempt(read, "cancelled" if isnan(source_odds) else reason, odds, text, citations, source_odds)

    def answer_again(self, parts: Sequence[int], language: str) -> Generator[Step, None, str]:
        """The answer to passages in another language."""
        passages = passages_of(self._collection, parts)
        text, _ = yield from self.write(about(passages, self._question, answer_in(language)))
        return text

    def translated(self, language: str) -> Generator[Step, None, str]:
        """The question in another language."""
        text, _ = yield from self.write(translate(self._question, language), draft=False)
        return text

    def write(self, question: Chat, *, draft: bool = True) -> Generator[Step, None, tuple[str, str]]:
        """The model's answer, and why it ended; as it comes where `draft` says so."""
        text, reason = "", "stop"
        request = Request(question, Sampling(temperature=0.0), LONGEST, keep=self._keep)
        for event in self._engine.generate([request], stop=self._cancelled):
            match event:
                case Piece(text=piece):
                    text += piece
                    if draft:
                        yield Drafted(text.strip())
                case Notice():
                    yield event
                case Done():
                    reason = event.reason
                    self.usage = self.usage.plus(event.usage)
        return " ".join(text.split()), reason

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
