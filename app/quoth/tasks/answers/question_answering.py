"""Answer a question about documents, and show where the answer stands.

What the words of the question find is shown at once, verbatim. A model that can be trusted with it then says of the
best stretch of each passage whether it has the answer, which one token tells, until one surely has it; and reads the
passages in that order. The answer is the model's, the sentences it rests on are found by its words, and they are judged
once more by themselves. A very small model cannot be trusted to write an answer: with one the answer is the quote
itself.

Measured with tests/bench `answers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from math import isinf, isnan

from quoth.documents.ranking import Ranking
from quoth.engine import Engine, Usage
from quoth.errors import InputError
from quoth.tasks.answers.calibration import Calibration, Source
from quoth.tasks.answers.events import Answered, Citation, Event, PassagesRead, QuotesFound, ReadingPlanned, Step
from quoth.tasks.answers.extractive_answer import ExtractedQuote, around, best_stretches, quotes_of
from quoth.tasks.answers.passage_reader import LONGEST, Attempt, PassageReader
from quoth.tasks.answers.prompts import OVERHEAD
from quoth.tasks.collection import Collection
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.text.languages import language_of
from quoth.text.words import content_terms

BUDGET = 30.0  # seconds of reading, unless the caller says otherwise
LOOK = 200  # tokens of a stretch with what is asked about it
# Of 14 development questions whose best two passages were so close, 10 were answered right from both together, and 7
# from the better one.
CLOSE = 0.45  # odds
READ = 3  # passages that are read of those whose stretches say the answer
TOGETHER = 3  # of all passages, how many are read at once
SUREST = 3  # answers of all passages that are shown
# A quote that has so much of the question is the answer also where the model does not see it: of 15 such quotes on the
# development questions 11 were right, and 1 of 121 questions without an answer has one.
SHARE, WORDS = 0.9, 3
# To a question of yes or no the model says "no" when it means that the passages say no; there the words decide: 10 of
# 11 quotes were right, and the one such question without an answer had none.
_YES_OR_NO = re.compile(
    r"(?:can|could|may|must|is|are|was|were|do|does|did|has|have|will|should|darf|kann|muss|ist|sind|gibt|hat"
    r"|peut|puis|est-ce|faut|doit|y a)\b|.*(?:吗|是否|能不能)",
    re.IGNORECASE,
)
LOOKED_AT = 20_000  # characters of each document, to see which language it is in
_GOES_ON = re.compile(r"(?:and|or|but|(?:what|how) about|und|oder|et|ou)\b|那|还有|那么", re.IGNORECASE)


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
        before: str = "",
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
        class_: ModelClass | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """`everything`: read every part, whatever its rank. `budget`: seconds of reading; one passage is always read.

        `before` is the question before the first one. `class_`: instead of that of the model's size. `calibration`
        finds the thresholds of a model that the class's were not measured with, before the first passage is read.
        """
        self.collection = collection
        self._engine = engine
        self._ranking = ranking
        self._everything = everything
        self._budget = budget
        self._keep = keep
        self._cancelled = cancelled
        self._class = class_ or model_class(engine.info.n_params, engine.info.n_ctx)
        self._calibration = calibration
        self.before = before  # the last question
        self._thresholds = self._class.thresholds
        self.thresholds_from: Source = "class"

    @property
    def reads(self) -> bool:
        """Whether the model reads passages; else the quotes that words find are the answer."""
        return not self._class.answers_by_quote and self._engine.info.kind == "chat"

    def events(self, question: str) -> Generator[Event, None, None]:
        """Everything, ending with Answered. A question that hardly says what it is about goes on from the last one."""
        if self.before and not self._stands_alone(question):
            question = f"{self.before} {question}"
        self.before = question
        ranked, stretches = self._found_by_words(question)
        quotes = quotes_of(stretches)
        yield QuotesFound(_citations(quotes), bool(quotes) and quotes[0].answers)
        if self.reads:
            yield from self._read(question, ranked, stretches)
        else:
            looked_at = range(len(self.collection)) if self._looks_at_all() else ranked
            yield PassagesRead(len(looked_at), len(looked_at))
            yield _quoted(quotes, looked_at)

    def _stands_alone(self, question: str) -> bool:
        """Whether a question has words of the documents to be found by, and does not go on: "And at most?"."""
        return not _GOES_ON.match(question) and any(map(self._ranking.weight, content_terms(question)))

    def _looks_at_all(self) -> bool:
        fits = self.collection.tokens + LONGEST + OVERHEAD <= self._engine.info.n_ctx
        return self._everything or (not self.reads and fits)

    def _found_by_words(self, question: str) -> tuple[list[int], list[ExtractedQuote]]:
        """The passages that rank best, and the best stretch of each."""
        limit = len(self.collection) if self._looks_at_all() else self._class.candidates
        ranked = [(one.number, one.score) for one in self._ranking.rank(question, limit)]
        return [n for n, _ in ranked], best_stretches(self.collection, question, ranked, self._ranking.weight)

    def _read(
        self, question: str, ranked: Sequence[int], stretches: Sequence[ExtractedQuote]
    ) -> Generator[Event, None, None]:
        """Read what has the answer by its best stretch, and write it."""
        if self._calibration is not None and self.thresholds_from == "class":
            self._thresholds = yield from self._calibration.thresholds()
            self.thresholds_from = self._calibration.source
        if isinf(self._thresholds.passages):  # it cannot tell what a text says
            yield _quoted(quotes_of(stretches), ranked)
            return
        asked, language = language_of(question), self._language()
        other = bool(language) and asked != language and (bool(asked) or not ranked)
        reader = PassageReader(
            self._engine,
            self.collection,
            question,
            self._thresholds,
            language=language if other else asked,
            keep=self._keep,
            cancelled=self._cancelled,
        )
        if other:  # the answer is looked for, and found again, in the words of the documents
            translated = yield from reader.translated(language)
            ranked, stretches = self._found_by_words(f"{question} {translated}")
        if self._everything:
            attempts = yield from self._all(reader)
        else:
            # Words that no passage has rank nothing: then the beginning is read.
            attempts = yield from self._best(reader, ranked or [*range(len(self.collection))], stretches)
        answered = self._answered(attempts, quotes_of(stretches), yes_or_no=bool(_YES_OR_NO.match(question)))
        if other and asked and answered.found and not self._everything:
            text = yield from reader.answer_again(max(attempts, key=lambda one: one.sure).read, asked)
            answered = answered._replace(answer=text or answered.answer)
        yield answered._replace(usage=reader.usage)

    def _language(self) -> str:
        """That of the documents."""
        return language_of("\n".join(document.text[:LOOKED_AT] for document in self.collection.documents[:8]))

    def _best(
        self, reader: PassageReader, ranked: Sequence[int], stretches: Sequence[ExtractedQuote]
    ) -> Generator[Step, None, list[Attempt]]:
        """Attempts at passages, one by one, the likeliest first, until one is sure or the budget is spent."""
        looks = (yield from self._looks(reader, ranked, stretches)) if len(ranked) > READ else []
        if any(look.reason == "cancelled" for look in looks):
            return looks
        attempts: list[Attempt] = []
        for parts, look in self._choices(ranked, looks):
            if attempts and not self._affords(reader, reader.tokens(parts)):
                break
            attempts.append((yield from reader.attempt(self._fitting(parts, reader), look)))
            if attempts[-1].reason == "cancelled" or attempts[-1].sure >= self._thresholds.answer:
                break
        return attempts + looks

    def _choices(self, ranked: Sequence[int], looks: Sequence[Attempt]) -> Iterator[tuple[Sequence[int], float | None]]:
        """What is read, one after the other, with the odds of its best stretch; few passages are read at once."""
        if not looks:
            yield ranked, None
            return
        likely = [look for look in looks if look.odds >= self._thresholds.passages][:READ]
        close = [look for look in likely[:2] if look.odds > likely[0].odds - CLOSE]
        if len(close) > 1:
            yield [part for look in close for part in look.read], close[0].odds
        for look in likely:
            yield look.read, look.odds

    def _looks(
        self, reader: PassageReader, ranked: Sequence[int], stretches: Sequence[ExtractedQuote]
    ) -> Generator[Step, None, list[Attempt]]:
        """How likely the best stretch of each passage has the answer, the likeliest first; one that surely has ends it.

        The first passages by rank, within the budget: one of them must be read too.
        """
        texts = {one.part: around(self.collection, one) for one in stretches}
        looks: list[Attempt] = []
        first = [*ranked[: self._class.candidates]]
        for part in first:
            if looks and not self._affords(reader, reader.tokens(first[:1]) + LOOK):
                break
            [part] = self._fitting([part], reader)
            looks.append((yield from reader.look(part, texts.get(part) or self.collection.text(part))))
            if looks[-1].reason == "cancelled" or looks[-1].odds >= self._thresholds.stretch:
                break
            if len(looks) == 1:  # now the speed is known
                tokens = LOOK * (len(first) - 1) + reader.tokens(first[:READ])
                yield ReadingPlanned(len(first), tokens, min(self._budget, reader.seconds(tokens)))
            yield PassagesRead(len(looks), len(first))
        return sorted(looks, key=lambda look: -look.odds)

    def _affords(self, reader: PassageReader, tokens: int) -> bool:
        """Whether so many tokens more can be read within the budget."""
        return reader.usage.read_seconds + reader.seconds(tokens) <= self._budget

    def _all(self, reader: PassageReader) -> Generator[Step, None, list[Attempt]]:
        """Attempts at all passages, a few at a time."""
        attempts: list[Attempt] = []
        done, total = 0, len(self.collection)
        while done < total and not (attempts and attempts[-1].reason == "cancelled"):
            if len(attempts) == 1:  # now the speed is known
                rest = range(done, total)
                tokens = reader.tokens(rest)
                yield ReadingPlanned(len(rest), tokens, reader.seconds(tokens))
            parts = self._fitting(range(done, min(total, done + TOGETHER)), reader)
            attempts.append((yield from reader.attempt(parts, done=done, total=total)))
            done += len(parts)
        return attempts

    def _answered(self, attempts: Sequence[Attempt], quotes: Sequence[ExtractedQuote], *, yes_or_no: bool) -> Answered:
        """The surest attempts that are sure enough; of everything several, in the order of the documents."""
        good = sorted((one for one in attempts if one.sure >= self._thresholds.answer), key=lambda one: -one.sure)
        kept = sorted(good[: SUREST if self._everything else 1], key=attempts.index)
        best = max(attempts, key=lambda one: (one.sure, one.odds))
        cancelled = any(one.reason == "cancelled" for one in attempts)
        if not kept and not cancelled and quotes and _speaks_for_itself(quotes[0], yes_or_no):
            return _quoted(quotes[:1], best.read)._replace(odds=_known(best.odds))
        return Answered(
            "\n".join(dict.fromkeys(one.text for one in kept)),
            tuple(dict.fromkeys(citation for one in kept for citation in one.citations)),
            tuple(dict.fromkeys(part for one in attempts for part in one.read)),
            Usage(),
            "cancelled" if cancelled else best.reason,
            _known(best.odds),
            _known(best.source_odds),
            () if kept else best.citations[:1] or _citations(quotes[:1]),
        )

    def _fitting(self, parts: Sequence[int], reader: PassageReader) -> list[int]:
        """As many of the first passages as fit the context beside the question. Raises InputError if none does."""
        room = self._engine.info.n_ctx - LONGEST
        fitting = [*parts]
        while fitting and reader.tokens(fitting) > room:
            del fitting[-1]
        if not fitting:
            what = f"no passage fits beside the question in {self._engine.info.n_ctx:,} tokens"
            raise InputError(what, "", "Raise --ctx, or ask a shorter question")
        return fitting


def _speaks_for_itself(quote: ExtractedQuote, yes_or_no: bool) -> bool:
    return quote.answers if yes_or_no else quote.share >= SHARE and quote.words >= WORDS


def _known(odds: float) -> float | None:
    return None if isnan(odds) else odds


def _citations(quotes: Sequence[ExtractedQuote]) -> tuple[Citation, ...]:
    return tuple(Citation(quote.text, quote.span) for quote in quotes)


def _quoted(quotes: Sequence[ExtractedQuote], read: Sequence[int]) -> Answered:
    """The quotes as the answer, if they have enough of the question."""
    citations = _citations(quotes)
    if not quotes or not quotes[0].answers:
        return Answered("", (), tuple(read), Usage(), nearest=citations[:1])
    return Answered(" ".join(quote.text for quote in quotes), citations, tuple(read), Usage())
