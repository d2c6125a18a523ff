"""Whether a text says what a summary says of it.

Names and numbers must stand in the text. Of a sentence that is no copy, the model says whether the text says it, if it
is of a class that can tell; else the share of its words that stand in the text decides.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Generator, Sequence

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat, Engine, Notice, Usage
from quoth.tasks.model_classes import ModelClass
from quoth.tasks.summaries.part_notes import NotesCache
from quoth.tasks.summaries.summary import Step
from quoth.tasks.support import SourceText, copied, invents, support, supporting_sources
from quoth.tasks.yes_no import Odds, yes_odds

COPY = 0.8  # share of a sentence's words that stand in the text as one stretch, from which it need not be asked
SYSTEM = "You check what is said about a text."
QUESTION = "Is this right according to the text, in every detail?\n\n{}\n\nReply only yes or no."


class SentenceCheck:
    """Holds sentences against what they rest on, by the measures of a class of models.

    Verdicts are kept in `cache` under the hash `model`; `spend` gets what each costs.
    """

    def __init__(
        self,
        engine: Engine,
        measures: ModelClass,
        cache: NotesCache,
        model: str,
        *,
        spend: Callable[[Usage], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._measures = measures
        self._cache = cache
        self._model = model
        self._spend = spend
        self._cancelled = cancelled

    def supported(self, said: Sequence[str], text: Sequence[str]) -> Generator[Step | Notice, None, list[bool]]:
        """For each sentence of a summary whether the text says it, which is given in sentences too."""
        whole, least, needed = SourceText.of(*text), self._measures.support, self._measures.odds
        if needed is None:
            return [not invents(one, whole) and support(one, whole) >= least for one in said]
        joined = "\n".join(text)
        found = {n: copied(one, joined) >= COPY for n, one in enumerate(said) if not invents(one, whole)}
        asked = [n for n, is_copy in found.items() if not is_copy]
        sources = [(number, SourceText.of(piece)) for number, piece in enumerate(text)]
        questions = [_question(said[n], passage(said[n], text, sources)) for n in asked]
        odds = yield from self._odds(questions, len(said))
        found |= {n: value > needed for n, value in zip(asked, odds, strict=False)}
        return [found.get(n, False) for n in range(len(said))]

    def _odds(
        self, questions: Sequence[tuple[Message, ...]], total: int
    ) -> Generator[Step | Notice, None, list[float]]:
        keys = [_key(self._model, question) for question in questions]
        known = {n: float(text) for n, key in enumerate(keys) if (text := self._cache.get(key))}
        missing = [n for n in range(len(keys)) if n not in known]
        asking = yes_odds(self._engine, [Chat(questions[n]) for n in missing], cancelled=self._cancelled)
        while True:
            try:
                event = next(asking)
            except StopIteration as end:
                found: list[Odds] = end.value
                break
            yield event if isinstance(event, Notice) else Step("checking", event.request, total, "sentences")
        for n, odds in zip(missing, found, strict=False):
            self._spend(odds.usage)
            if not math.isnan(odds.log):
                known[n] = odds.log
                self._cache.put(keys[n], f"{odds.log:.4g}")
        return [known[n] for n in range(len(keys)) if n in known]


def passage(said: str, text: Sequence[str], sources: Sequence[tuple[int, SourceText]]) -> str:
    """The sentences of a text that a sentence rests on, with those around them; all of it where no word shows them."""
    near = {n + step for n in supporting_sources(said, sources) for step in (-1, 0, 1)}
    return "\n".join(one for n, one in enumerate(text) if n in near or not near)


def _question(said: str, text: str) -> tuple[Message, ...]:
    return Message("system", SYSTEM), user_message(QUESTION.format(said), [Attachment("text", text)])


def _key(model: str, question: Sequence[Message]) -> str:
    parts = ["yes or no", model, [[message.role, message.text] for message in question]]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()
