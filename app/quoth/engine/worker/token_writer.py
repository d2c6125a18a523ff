"""Writing an answer: from tokens to pieces of text, until the model, a limit or a stop ends it."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from quoth.engine import Event, Piece, Reason, Request, Thought, TokenLogprob, Usage
from quoth.engine.worker.kv_cache import Cancelled, KVCache
from quoth.engine.worker.prompts.thinking import ThinkingMarks
from quoth.engine.worker.sampling import build_chain, token_logprob
from quoth.native import LlamaModel
from quoth.text import LoopDetector, StopStrings, Thinking

JOIN_SECONDS = 0.05  # pieces of text written within this time travel as one frame


class TokenWriter:
    """The state of one answer while it is written."""

    def __init__(
        self,
        number: int,
        request: Request,
        prompt: Sequence[int],
        inside_thought: bool,
        model: LlamaModel,
        marks: ThinkingMarks | None,
    ) -> None:
        self._number = number
        self._request = request
        self._vocabulary = model.vocabulary
        self._chain = build_chain(request.sampling, model, prompt)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = StopStrings((*request.stop, *(marks.drop if marks else ())))
        self._loops = LoopDetector()
        self._thinking = Thinking(marks.open, marks.close, inside_thought, marks.drop) if marks else None
        self._mark_tokens = self._tokens_of_marks(marks)
        self._pending: list[TokenLogprob] = []
        self.reason: Reason = "stop"
        self.prompt_tokens = len(prompt)
        self.reused = 0
        self.generated = 0
        self._told = 0  # of the generated tokens, those that an event has counted

    def _tokens_of_marks(self, marks: ThinkingMarks | None) -> frozenset[int]:
        """Special tokens that thinking marks are made of: their text is needed, though they are control tokens."""
        if marks is None:
            return frozenset()
        texts = "\n".join((marks.open, marks.close, *marks.drop))
        special = self._vocabulary.control | self._vocabulary.user_defined
        return frozenset(t for t in special if len(text := self._vocabulary.text(t)) > 1 and text in texts)

    def usage(self, read_seconds: float, write_seconds: float) -> Usage:
        return Usage(self.prompt_tokens, self.reused, self.generated, read_seconds, write_seconds)

    def write(self, cache: KVCache, stop: Callable[[], bool]) -> Iterator[Event]:
        """Sample and read token after token; `reason` says afterwards why it ended.

        While the answer repeats itself, what it says is held back: of a loop nobody wants more, and of a list that was
        asked for all is shown when it has ended.
        """
        most = self._most(cache.length)
        stopped = False
        held: list[Event] = []
        try:
            while True:
                if stop():
                    raise Cancelled
                token = self._chain.sample(cache.context)
                if self._vocabulary.is_eog(token):
                    break
                if top := self._request.sampling.logprobs:
                    self._pending.append(token_logprob(cache.context.logits(), self._vocabulary, token, top))
                self.generated += 1
                piece = self._vocabulary.piece(token, special=token in self._mark_tokens)
                events, stopped = self._split(self._decoder.decode(piece))
                held += events
                if stopped:
                    break
                repeated = self._loops.repeating
                if self._loops.feed(token, piece):
                    self.reason = "loop"
                    break
                if not (repeated and self._loops.repeating):
                    yield from held
                    held.clear()
                if self.generated >= most:
                    self.reason = "length"
                    break
                if not cache.append(token):
                    self.reason = "context"
                    break
        except Cancelled:
            self.reason = "cancelled"
        if held and self.reason in ("loop", "cancelled"):
            return
        yield from held
        if not stopped:
            yield from self._flush()

    def _most(self, prompt: int) -> float:
        total = self._request.total_tokens
        limits = self._request.max_tokens, None if total is None else total - prompt
        return min((limit for limit in limits if limit is not None), default=math.inf)

    def _split(self, text: str) -> tuple[list[Event], bool]:
        return self._events(self._thinking.feed(text) if self._thinking else [("answer", text)])

    def _events(self, parts: Iterable[tuple[str, str]]) -> tuple[list[Event], bool]:
        """Thoughts and pieces of parts of the text, and whether a stop string ended the answer."""
        events: list[Event] = []
        for kind, part in parts:
            if kind == "thought":
                self._pending.clear()
                events.append(Thought(self._number, part, self._new_tokens()))
                continue
            shown, stopped = self._stops.feed(part)
            if shown:
                events.append(self._piece(shown))
            if stopped:
                return events, True
        return events, False

    def _piece(self, text: str) -> Piece:
        piece = Piece(self._number, text, tuple(self._pending), self._new_tokens())
        self._pending.clear()
        return piece

    def _new_tokens(self) -> int:
        new, self._told = self.generated - self._told, self.generated
        return new

    def _flush(self) -> list[Event]:
        """What was held back, in the end. A character of which a limit has cut off some bytes is left out."""
        events, stopped = self._events(self._thinking.flush() if self._thinking else ())
        if not stopped:
            rest = self._stops.flush()
            if rest or self._pending:
                events.append(self._piece(rest))
        return events

    def close(self) -> None:
        self._chain.close()


def join_pieces(events: Iterator[Event], clock: Callable[[], float]) -> Iterator[Event]:
    """Join pieces that come close together; the first, and every other event, goes at once.

    Each frame wakes the parent, on a core that the next token needs.
    """
    held: Piece | None = None
    last = float("-inf")
    for event in events:
        if isinstance(event, Piece) and (held is None or held.request == event.request):
            held = event if held is None else _joined(held, event)
            if clock() - last < JOIN_SECONDS:
                continue
            event, held = held, None
        elif held is not None:
            yield held
            held = None
        yield event
        last = clock() if isinstance(event, Piece) else float("-inf")
    if held is not None:
        yield held


def _joined(one: Piece, other: Piece) -> Piece:
    return Piece(one.request, one.text + other.text, one.logprobs + other.logprobs, one.tokens + other.tokens)
