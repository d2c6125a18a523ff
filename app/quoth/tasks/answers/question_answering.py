"""Answer a question about documents, and show where the answer stands.

What the words of the question find is shown at once, verbatim. A model that can be trusted with it then reads the
passages that rank best, a few at a time, until they say the answer: whether they do, one token tells. The answer is
the model's, the sentences it rests on are found by its words, and they are judged once more by themselves. A very
small model cannot be trusted to write an answer: with one the answer is the quote itself.

Measured with tests/bench `answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import isnan, nan
from typing import NamedTuple

from quoth.chat import Attachment
from quoth.documents.ranking import Ranking
from quoth.engine import Chat, Done, Engine, Notice, Piece, Request, Sampling, Usage
from quoth.errors import InputError
from quoth.tasks.answers.answer_source import answer_source
from quoth.tasks.answers.extractive_answer import ExtractedQuote, best_quotes
from quoth.tasks.answers.prompts import ANSWER, IS_SAID, IS_SAID_BY, OVERHEAD, about, passages_of
from quoth.tasks.answers.thresholds import Thresholds
from quoth.tasks.collection import Collection, Span
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.tasks.yes_no import Odds, yes_odds

LONGEST = 64  # tokens of an answer
BUDGET = 20.0  # seconds of reading, unless the caller says otherwise
STAGES = (1, 3, 8)  # passages that are read before the model is asked whether they say the answer
TOGETHER = 3  # of all passages, how many are read at once
SUREST = 3  # answers of all passages that are shown
TITLE = 40  # tokens of a passage's number and title in a prompt


class QuotesFound(NamedTuple):
    """What the words of the question found, before anything was read by a model. `answers`: enough of them."""

    citations: tuple[Citation, ...]
    answers: bool


class PassagesRead(NamedTuple):
    """`done` of `total` passages have been read."""

    done: int
    total: int


class Drafted(NamedTuple):
    """The answer so far, as the model writes it: not yet checked."""

    text: str


class Citation(NamedTuple):
    """A quote as it stands in a document, white space folded, and where."""

    quote: str
    span: Span


class Answered(NamedTuple):
    """The end. `read` are the parts that the model read; without `found` the answer is not in what was read.

    `nearest` is then what comes closest. `odds` are log(P(yes) / P(no)) to whether the passages say the answer,
    `source_odds` to whether the cited sentences do; None where no model was asked.
    """

    answer: str
    citations: tuple[Citation, ...]
    read: tuple[int, ...]
    usage: Usage
    reason: str = "stop"
    odds: float | None = None
    source_odds: float | None = None
    nearest: tuple[Citation, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.citations)


Event = QuotesFound | PassagesRead | Drafted | Notice | Answered
Step = PassagesRead | Drafted | Notice


class QuestionAnswering:
    """Questions about one collection with one model."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        ranking: Ranking,
        *,
        everything: bool = False,
        budget: float = BUDGET,
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
        class_: ModelClass | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        """`everything`: read every part, whatever its rank. `budget`: seconds of reading after the first passage.

        `class_` and `thresholds`: instead of those of the model's size.
        """
        self.collection = collection
        self._engine = engine
        self._ranking = ranking
        self._everything = everything
        self._budget = budget
        self._keep = keep
        self._cancelled = cancelled
        self._class = class_ or model_class(engine.info.n_params, engine.info.n_ctx)
        self._thresholds = thresholds or self._class.thresholds

    @property
    def reads(self) -> bool:
        """Whether the model reads passages; else the quotes that words find are the answer."""
        return not self._class.answers_by_quote and self._engine.info.kind == "chat"

    def events(self, question: str) -> Generator[Event, None, None]:
        """Everything, ending with Answered."""
        everything = self._everything or (not self.reads and self._is_short())
        limit = len(self.collection) if everything else self._class.candidates
        ranked = [(one.number, one.score) for one in self._ranking.rank(question, limit)]
        quotes = best_quotes(self.collection, question, ranked, self._ranking.weight)
        looked_at = range(len(self.collection)) if everything else [number for number, _ in ranked]
        yield QuotesFound(_citations(quotes), bool(quotes) and quotes[0].answers)
        if not self.reads:
            yield PassagesRead(len(looked_at), len(looked_at))
            yield _quoted(quotes, looked_at)
        else:
            # Words of another language rank nothing: then the beginning is read.
            numbers = [number for number, _ in ranked] or [*range(len(self.collection))]
            yield from self._read(question, numbers, quotes)

    def _is_short(self) -> bool:
        return self.collection.tokens + LONGEST + OVERHEAD <= self._engine.info.n_ctx

    def _read(
        self, question: str, ranked: Sequence[int], quotes: Sequence[ExtractedQuote]
    ) -> Generator[Event, None, None]:
        """Read what ranks best, more and more of it, until it says the answer."""
        reader = _Reader(self._engine, self.collection, question, self._thresholds, self._keep, self._cancelled)
        found = yield from (self._all(reader) if self._everything else self._best(reader, ranked))
        nearest = () if found.found else found.nearest or _citations(quotes[:1])
        yield found._replace(usage=reader.usage, nearest=nearest)

    def _best(self, reader: _Reader, ranked: Sequence[int]) -> Generator[Step, None, Answered]:
        """The first passages that say the answer, as many as the budget allows."""
        last = Answered("", (), (), Usage())
        for count in STAGES:
            parts = self._fitting(ranked[:count], reader)
            if len(parts) <= len(last.read) or (last.read and not reader.can_read(parts, self._budget)):
                break
            last = yield from reader.answer(parts)
            if last.found or last.reason == "cancelled":
                break
        return last

    def _all(self, reader: _Reader) -> Generator[Step, None, Answered]:
        """The answers that all passages give, the surest; a few passages are read at a time."""
        answers: list[Answered] = []
        total = len(self.collection)
        for first in range(0, total, TOGETHER):
            parts = self._fitting(range(first, min(total, first + TOGETHER)), reader)
            answers.append((yield from reader.answer(parts, first, total)))
            if answers[-1].reason == "cancelled":
                break
        return _together(answers)

    def _fitting(self, parts: Sequence[int], reader: _Reader) -> list[int]:
        """As many of the first passages as fit the context beside the question. Raises InputError if none does."""
        room = self._engine.info.n_ctx - LONGEST - OVERHEAD - reader.question_tokens
        fitting: list[int] = []
        for part in parts:
            room -= self.collection.sizes[part] + TITLE
            if room < 0:
                break
            fitting.append(part)
        if not fitting:
            what = f"no passage fits beside the question in {self._engine.info.n_ctx:,} tokens"
            raise InputError(what, "", "Raise --ctx, or ask a shorter question")
        return fitting


class _Reader:
    """One question put to passages, with what it has cost so far."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        question: str,
        thresholds: Thresholds,
        keep: bool,
        cancelled: Callable[[], bool],
    ) -> None:
        self.question_tokens = engine.count([question])[0]
        self.usage = Usage()
        self._engine = engine
        self._collection = collection
        self._question = question
        self._thresholds = thresholds
        self._keep = keep
        self._cancelled = cancelled

    def can_read(self, parts: Sequence[int], budget: float) -> bool:
        """Whether the budget, in seconds of reading, allows for these passages, the first of which have been read."""
        read = self.usage.prompt - self.usage.reused
        whole = sum(self._collection.sizes[part] + TITLE for part in parts) + OVERHEAD
        return whole * self.usage.read_seconds / max(read, 1) <= budget

    def answer(self, parts: Sequence[int], done: int = 0, total: int = 0) -> Generator[Step, None, Answered]:
        """What the model says to passages, if they say it. `done` of `total` passages have been read before."""
        passages = passages_of(self._collection, parts)
        odds = yield from self._odds(self._about(passages, IS_SAID), parts, done, total or len(parts))
        if isnan(odds):
            return Answered("", (), tuple(parts), Usage(), "cancelled")
        if odds < self._thresholds.passages:
            return Answered("", (), tuple(parts), Usage(), "stop", odds)
        text, reason = yield from self._write(self._about(passages, ANSWER))
        stretches = answer_source(self._collection, parts, self._question, text)
        if not stretches:
            return Answered("", (), tuple(parts), Usage(), reason, odds)
        cited = " … ".join(stretch.context for stretch in stretches)
        judged = yield from self._odds(self._about(passages, IS_SAID_BY.format(text=cited)))
        citations = tuple(Citation(stretch.text, stretch.span) for stretch in stretches)
        found = odds + judged >= self._thresholds.both
        return Answered(
            text if found else "",
            citations if found else (),
            tuple(parts),
            Usage(),
            reason,
            odds,
            None if isnan(judged) else judged,
            () if found else citations[:1],
        )

    def _about(self, passages: Sequence[Attachment], instruction: str) -> Chat:
        return about(passages, self._question, instruction)

    def _odds(
        self, question: Chat, parts: Sequence[int] = (), done: int = 0, total: int = 0
    ) -> Generator[Step, None, float]:
        asking = yes_odds(self._engine, [question], cancelled=self._cancelled)
        while True:
            try:
                event = next(asking)
            except StopIteration as end:
                found: list[Odds] = end.value
                break
            if isinstance(event, Notice):
                yield event
            elif parts:
                yield PassagesRead(done + len(parts) * event.done // max(event.total, 1), total)
        for each in found:
            self.usage = self.usage.plus(each.usage)
        return found[0].log if found else nan

    def _write(self, question: Chat) -> Generator[Step, None, tuple[str, str]]:
        """The model's answer, and why it ended."""
        text, reason = "", "stop"
        request = Request(question, Sampling(temperature=0.0), LONGEST, keep=self._keep)
        for event in self._engine.generate([request], stop=self._cancelled):
            match event:
                case Piece(text=piece):
                    text += piece
                    yield Drafted(text.strip())
                case Notice():
                    yield event
                case Done():
                    reason = event.reason
                    self.usage = self.usage.plus(event.usage)
        return " ".join(text.split()), reason


def _citations(quotes: Sequence[ExtractedQuote]) -> tuple[Citation, ...]:
    return tuple(Citation(quote.text, quote.span) for quote in quotes)


def _quoted(quotes: Sequence[ExtractedQuote], read: Sequence[int]) -> Answered:
    """The quotes as the answer, if they have enough of the question."""
    citations = _citations(quotes)
    if not quotes or not quotes[0].answers:
        return Answered("", (), tuple(read), Usage(), nearest=citations[:1])
    return Answered(" ".join(quote.text for quote in quotes), citations, tuple(read), Usage())


def _together(answers: Sequence[Answered]) -> Answered:
    """Of answers to the same question: the surest, in the order of the documents."""
    found = sorted((one for one in answers if one.found), key=lambda one: -(one.odds or 0) - (one.source_odds or 0))
    kept = [one for one in answers if one in found[:SUREST]]
    last = answers[-1] if answers else Answered("", (), (), Usage())
    return last._replace(
        answer="\n".join(dict.fromkeys(one.answer for one in kept)),
        citations=tuple(citation for one in kept for citation in one.citations),
        read=tuple(part for one in answers for part in one.read),
        odds=max((one.odds for one in answers if one.odds is not None), default=None),
    )
