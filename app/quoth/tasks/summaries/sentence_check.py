"""Whether a text says what a summary says of it: by words where they suffice, else by asking the model.

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
from quoth.tasks.support import SourceText, copied, invents, support
from quoth.tasks.yes_no import Odds, yes_odds_of_what_was_read

COPY = 0.8  # share of a sentence's words that stand in its passage as one stretch, from which it need not be asked


class SentenceCheck:
    """Holds sentences against what they rest on, by the measures of a class of models.

    Verdicts are kept in `cache` under the hash `model`; `keep` is Request.keep; `spend` gets what each costs.
    """

    def __init__(
        self,
        engine: Engine,
        measures: ModelClass,
        cache: NotesCache,
        model: str,
        *,
        keep: bool,
        spend: Callable[[Usage], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._measures = measures
        self._cache = cache
        self._model = model
        self._keep = keep
        self._spend = spend
        self._cancelled = cancelled

    def supported(
        self, sentences: Sequence[str], source: SourceText, system: str, passages: Callable[[str], Sequence[Attachment]]
    ) -> Generator[Step | Notice, None, list[bool]]:
        """For each sentence whether its passages say it; `source` is what all of them have."""
        odds_needed = self._measures.odds
        if odds_needed is None:
            least = self._measures.support
            return [not invents(said, source) and support(said, source) >= least for said in sentences]
        found, open_ = dict[int, bool](), list[int]()
        for n, said in enumerate(sentences):
            if invents(said, source):
                found[n] = False
            elif any(copied(said, passage.text) >= COPY for passage in passages(said)):
                found[n] = True
            else:
                open_.append(n)
        questions = [
            (Message("system", system), user_message(_question(sentences[n]), passages(sentences[n]))) for n in open_
        ]
        odds = yield from self._odds(questions, len(sentences))
        found |= {n: value > odds_needed for n, value in zip(open_, odds, strict=False)}
        return [found.get(n, False) for n in range(len(sentences))]

    def _odds(
        self, questions: Sequence[tuple[Message, ...]], total: int
    ) -> Generator[Step | Notice, None, list[float]]:
        keys = [_key(self._model, question) for question in questions]
        known = {n: float(text) for n, key in enumerate(keys) if (text := self._cache.get(key))}
        missing = [n for n in range(len(keys)) if n not in known]
        chats = [Chat(questions[n]) for n in missing]
        asking = yes_odds_of_what_was_read(self._engine, chats, keep=self._keep, cancelled=self._cancelled)
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


def _question(said: str) -> str:
    return f"Is this right according to the text, in every detail?\n\n{said}\n\nReply only yes or no."


def _key(model: str, question: Sequence[Message]) -> str:
    parts = ["yes or no", model, [[message.role, message.text] for message in question]]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()
