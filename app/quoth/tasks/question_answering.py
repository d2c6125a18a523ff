"""Answer a question about documents, and show where the answer stands.

What fits the context is read whole; of more, the passages that rank best. Every quote is looked up in its document
before it is shown, and what no quote supports is not in the documents.

A very small model cannot be trusted to write an answer: with one the answer is the quote itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from functools import reduce
from itertools import accumulate
from typing import NamedTuple

from quoth.chat import Attachment, Message, user_message
from quoth.documents.ranking import Ranking
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Request, Sampling, Usage
from quoth.errors import InputError
from quoth.tasks.collection import Collection, Span
from quoth.tasks.extractive_answer import best_quotes
from quoth.tasks.model_classes import ModelClass, model_class
from quoth.tasks.quote_search import find_quote
from quoth.tasks.support import SourceText, support
from quoth.text.sentences import sentences
from quoth.text.words import count_words

ANSWER = 500  # tokens
PROMPT = 300  # tokens of the instruction, and of what the template adds
SHORTEST = 3  # words of a quote that proves anything

SYSTEM = (
    "You answer questions about documents, from the given passages alone. First copy the sentences that answer the "
    "question, word for word, each with the number of its passage; then answer in your own words. If the passages do "
    "not answer the question, give no quotes and an empty answer."
)
SCHEMA = {
    "type": "object",
    "properties": {
        "quotes": {
            "type": "array",
            "maxItems": 4,
            "items": {
                "type": "object",
                "properties": {
                    "passage": {"type": "integer", "minimum": 1, "maximum": 9999},
                    "quote": {"type": "string", "maxLength": 400},
                },
                "required": ["passage", "quote"],
                "additionalProperties": False,
            },
        },
        "answer": {"type": "string", "maxLength": 1000},
    },
    "required": ["quotes", "answer"],
    "additionalProperties": False,
}


class PassagesRead(NamedTuple):
    """`done` of `total` passages have been read."""

    done: int
    total: int


class Citation(NamedTuple):
    """A quote as it stands in a document, white space folded, and where."""

    quote: str
    span: Span


class Answered(NamedTuple):
    """The end. `read` are the parts that the model read; without `found` the answer is not in what was read."""

    answer: str
    citations: tuple[Citation, ...]
    read: tuple[int, ...]
    usage: Usage
    reason: str = "stop"

    @property
    def found(self) -> bool:
        return bool(self.citations)


Event = PassagesRead | Notice | Answered


class QuestionAnswering:
    """Questions about one collection with one model."""

    def __init__(
        self,
        engine: Engine,
        collection: Collection,
        ranking: Ranking,
        *,
        everything: bool = False,
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
        class_: ModelClass | None = None,
    ) -> None:
        """`everything`: read every part, whatever its rank. `class_`: instead of the class of the model's size."""
        self.collection = collection
        self._engine = engine
        self._ranking = ranking
        self._everything = everything
        self._keep = keep
        self._cancelled = cancelled
        self._class = class_ or model_class(engine.info.n_params, engine.info.n_ctx)

    def events(self, question: str) -> Generator[Event, None, None]:
        """Everything, ending with Answered."""
        if self._class.answers_by_quote:
            yield from self._by_quote(question)
        else:
            yield from self._by_reading(question)

    # A quote

    def _by_quote(self, question: str) -> Generator[Event, None, None]:
        """The sentences that have most of the question's words are the answer."""
        everything = self._everything or self.collection.tokens + ANSWER + PROMPT <= self._engine.info.n_ctx
        limit = len(self.collection) if everything else self._class.candidates
        ranked = [(one.number, one.score) for one in self._ranking.rank(question, limit)]
        found = best_quotes(self.collection, question, ranked, self._ranking.weight)
        read = tuple(range(len(self.collection))) if everything else tuple(number for number, _ in ranked)
        yield PassagesRead(len(read), len(read))
        if not found or not found[0].answers:
            yield Answered("", (), read, Usage())
            return
        citations = tuple(Citation(quote.text, quote.span) for quote in found)
        yield Answered(" ".join(quote.text for quote in found), citations, read, Usage())

    # An answer in the model's words

    def _by_reading(self, question: str) -> Generator[Event, None, None]:
        """Quotes and an answer from one prompt with as many passages as fit; from several, of all of them."""
        groups = self._groups(question)
        if not groups:
            yield Answered("", (), (), Usage())
            return
        answers: list[Answered] = []
        requests = [self._request(question, group) for group in groups]
        texts = dict.fromkeys(range(len(groups)), "")
        *before, passages = accumulate(map(len, groups), initial=0)
        for event in self._engine.generate(requests, stop=self._cancelled):
            match event:
                case Reading(number, done, total):
                    yield PassagesRead(before[number] + len(groups[number]) * done // max(total, 1), passages)
                case Piece(number, text):
                    texts[number] += text
                case Notice():
                    yield event
                case Done(number, reason, usage):
                    answers.append(self._answered(texts[number], groups[number], usage, reason))
        yield self._together(answers)

    def _groups(self, question: str) -> list[list[int]]:
        """The parts of each prompt, in the order of the documents: one prompt, unless everything is to be read."""
        room = self._engine.info.n_ctx - ANSWER - PROMPT - self._engine.count([question])[0]
        costs = [self._cost(number) for number in range(len(self.collection))]
        if room < min(costs, default=0):
            what = f"no passage fits beside the question in {self._engine.info.n_ctx:,} tokens"
            raise InputError(what, "", "Raise --ctx, or ask a shorter question")
        if sum(costs) > room and not self._everything:
            return [self._best(question, room)]
        groups: list[list[int]] = [[]]
        left = room
        for number, cost in enumerate(costs):
            if cost > left and groups[-1]:
                groups.append([])
                left = room
            groups[-1].append(number)
            left -= cost
        return groups

    def _best(self, question: str, room: int) -> list[int]:
        """The parts that rank best, then their neighbours, as many as fit."""
        # Words of another language rank nothing: then the beginning is read.
        found = [passage.number for passage in self._ranking.rank(question, self._class.candidates)]
        ranked = found or [*range(len(self.collection))]
        wanted = [*ranked, *(near for number in ranked for near in self.collection.neighbours(number))]
        chosen: set[int] = set()
        for number in dict.fromkeys(wanted):
            if self._cost(number) <= room:
                chosen.add(number)
                room -= self._cost(number)
        return sorted(chosen)

    def _cost(self, number: int) -> int:
        """Tokens of a part in a prompt, with its name and its fence."""
        return self.collection.sizes[number] + 40

    def _request(self, question: str, parts: Sequence[int]) -> Request:
        documents = [
            Attachment(f"passage {at} ({self.collection.title(part)})", self.collection.text(part))
            for at, part in enumerate(parts, 1)
        ]
        messages = (Message("system", SYSTEM), user_message(f"Question: {question}", documents))
        sampling = Sampling(temperature=0.0, schema=json.dumps(SCHEMA))
        return Request(Chat(messages), sampling, ANSWER, keep=self._keep)

    def _answered(self, text: str, parts: Sequence[int], usage: Usage, reason: str) -> Answered:
        """What a model said, with those of its quotes that stand in a passage that it read."""
        try:
            value = json.loads(text)
        except ValueError:  # cut short: nothing in it can be held against the source
            return Answered("", (), tuple(parts), usage, reason)
        citations: list[Citation] = []
        for said in value.get("quotes", ()):
            if count_words(said["quote"]) < SHORTEST:
                continue
            named = said["passage"]
            order = [*parts[named - 1 : named], *parts] if named > 0 else parts
            found = next(filter(None, (self._citation(said["quote"], part) for part in order)), None)
            if found and found not in citations:
                citations.append(found)
        answer = " ".join(value.get("answer", "").split())
        if answer and citations:
            answer = self._supported(answer, parts)
        return Answered(answer or " ".join(c.quote for c in citations), tuple(citations), tuple(parts), usage, reason)

    def _citation(self, quote: str, part: int) -> Citation | None:
        text = self.collection.text(part)
        found = find_quote(quote, text)
        if found is None:
            return None
        start, end = found
        return Citation(" ".join(text[start:end].split()), self.collection.within(part, start, end))

    def _supported(self, answer: str, parts: Sequence[int]) -> str:
        """The sentences of an answer that the passages support."""
        source = SourceText.of(*(self.collection.text(part) for part in parts))
        said = [answer[start:end] for start, end in sentences(answer)]
        return " ".join(one for one in said if support(one, source) >= self._class.support)

    def _together(self, answers: Sequence[Answered]) -> Answered:
        """Of several prompts: what was found, in the order of the documents."""
        found = [answer for answer in answers if answer.found]
        read = tuple(part for answer in answers for part in answer.read)
        usage = reduce(Usage.plus, (answer.usage for answer in answers), Usage())
        reason = next((answer.reason for answer in answers if answer.reason != "stop"), "stop")
        text = "\n".join(dict.fromkeys(answer.answer for answer in found))
        return Answered(text, tuple(c for answer in found for c in answer.citations), read, usage, reason)
