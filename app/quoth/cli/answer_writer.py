"""How an answer is written: as text, as its first code block, as one JSON object or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from quoth.cli.streams import Streams
from quoth.engine import Done, Event, Notice, Piece, Reading, Reason, Thought, TokenLogprob, Usage
from quoth.library.answer_fields import usage_fields
from quoth.text import FirstBlock

ENDED_EARLY = {
    "loop": "the answer was ended: it repeated itself; a --repeat-penalty above 1 or another temperature (-t) may help",
    "context": "the answer was ended: the context is full; --ctx allows more if the model does",
}


@dataclass(slots=True)
class FinishedAnswer:
    """One finished answer."""

    text: str = ""
    reason: Reason = "cancelled"
    usage: Usage = field(default_factory=Usage)
    logprobs: list[TokenLogprob] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Format:
    """What was asked for."""

    json: bool = False
    jsonl: bool = False
    block: bool = False
    logprobs: bool = False


class AnswerWriter:
    """Takes events and writes them in a format; answers of several requests stand one after another."""

    def __init__(self, streams: Streams, format_: Format, about: dict[str, Any], before: str = "") -> None:
        """`about` has what every JSON object says: version, model, seed, temperature; `before` precedes each answer."""
        self._streams = streams
        self._format = format_
        self._about = about
        self._before = before
        self._as_text = not (format_.json or format_.jsonl)
        self._block = FirstBlock() if format_.block else None
        self.answers: dict[int, FinishedAnswer] = {}

    def write(self, events: Generator[Event, None, None]) -> None:
        """Write events as they come, until nothing more of them would be shown."""
        for event in events:
            answer = self.answers.get(event.request) or self._begin(event.request)
            if self._format.jsonl:
                self._line(event)
            match event:
                case Reading(_, done, total):
                    self._streams.progress.update("reading", done, total)
                case Notice(_, text):
                    self._streams.say(text)
                case Piece(_, text, logprobs):
                    answer.text += text
                    answer.logprobs.extend(logprobs)
                    self._show(text)
                    if self._block and self._block.done:
                        events.close()
                        self._end(answer)
                        return
                case Done(_, reason, usage):
                    answer.reason, answer.usage = reason, usage
                    self._end(answer)
                case Thought():
                    pass  # never on standard output; --jsonl has it

    def _begin(self, request: int) -> FinishedAnswer:
        answer = self.answers[request] = FinishedAnswer(self._before)
        if self._before:
            self._show(self._before)
        return answer

    def _show(self, text: str) -> None:
        if self._as_text:
            self._streams.answer(self._block.feed(text) if self._block else text)

    def _end(self, answer: FinishedAnswer) -> None:
        self._streams.progress.clear()
        if self._as_text:
            self._flush()
            if self._format.logprobs:
                self._show_logprobs(answer)
            if answer.reason in ENDED_EARLY:
                self._streams.say(ENDED_EARLY[answer.reason])

    def _flush(self) -> None:
        if self._block:
            self._streams.answer(self._block.flush())
            if not self._block.found:
                self._streams.say("the answer has no fenced block; without -x all of it is printed")
            self._block = FirstBlock()
        self._streams.finish()

    def interrupt(self) -> None:
        """Show what is still held back."""
        if self._as_text:
            self._flush()

    def _show_logprobs(self, answer: FinishedAnswer) -> None:
        for token in answer.logprobs:
            others = "  ".join(f"{json.dumps(text, ensure_ascii=False)} {value:.3f}" for text, _, value in token.top)
            self._streams.say(f"{token.logprob:8.3f} {json.dumps(token.text, ensure_ascii=False)}  of  {others}")

    def _line(self, event: Event) -> None:
        fields = {"event": type(event).__name__.lower(), **_json_fields(event)}
        if isinstance(event, Done):
            fields |= {**self._about, "usage": usage_fields(event.usage)}
        self._json(fields)

    def _json(self, fields: dict[str, Any]) -> None:
        self._streams.print(json.dumps(fields, ensure_ascii=False))

    def end(self) -> None:
        """Write what can only be written at the end: the JSON object."""
        if not self._format.json:
            return
        for answer in self.answers.values():
            fields: dict[str, Any] = {"text": answer.text, "reason": answer.reason, **self._about}
            if self._format.logprobs:
                fields["logprobs"] = [*map(token_fields, answer.logprobs)]
            self._json({**fields, "usage": usage_fields(answer.usage)})


def token_fields(token: TokenLogprob) -> dict[str, Any]:
    """A token and its alternatives as JSON names them."""
    top = [{"text": text, "id": id_, "logprob": round(value, 5)} for text, id_, value in token.top]
    return {"text": token.text, "id": token.id, "logprob": round(token.logprob, 5), "top": top}


def _json_fields(event: Event) -> dict[str, Any]:
    fields = event._asdict()
    if isinstance(event, Piece):
        logprobs = [*map(token_fields, fields.pop("logprobs"))]
        fields |= {"logprobs": logprobs} if logprobs else {}
    return fields
