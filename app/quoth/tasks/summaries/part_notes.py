"""Notes on the parts of a text: written by the model, held against the part, cached under what they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, Protocol

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Request, Sampling, Usage
from quoth.tasks.collection import Span

SYSTEM = (
    "You summarize a text part by part. Say what the part says, with its own names, numbers and dates. "
    "Add nothing of your own."
)
SAMPLING = Sampling(temperature=0.0, repeat_penalty=1.05, repeat_last_n=256)
BEGUN = "1."  # the answer is begun with it, so that it is a list


class NotesCache(Protocol):
    """Texts by key, such as quoth.cache.stored_notes.StoredNotes."""

    def get(self, key: str) -> str | None: ...
    def put(self, key: str, text: str) -> None: ...


class NoCache:
    """Keeps nothing."""

    def get(self, key: str) -> str | None:
        return None

    def put(self, key: str, text: str) -> None:
        pass


class Note(NamedTuple):
    """One fact, in the model's words, and the stretches of the documents that it is from."""

    text: str
    spans: tuple[Span, ...]


class NoteRequest(NamedTuple):
    """One thing for the model to take notes on: a part of a text, or notes to be merged."""

    messages: tuple[Message, ...]
    max_tokens: int


class NoteProgress(NamedTuple):
    """The model is reading what the request with this number asks about."""

    number: int


class NotesWritten(NamedTuple):
    """What the model wrote for a request; `usage` is None where it was known from before."""

    number: int
    text: str
    usage: Usage | None


def about_part(
    text: str, where: str, max_tokens: int, *, count: int, language: str = "", focus: str = ""
) -> NoteRequest:
    """The `count` most important facts of a part; `where` names its headings."""
    facts = "most important fact" if count == 1 else f"{count} most important facts"
    tongue = f" in {language}" if language else ""
    question = f"Write the {facts} of this part{tongue}, one complete sentence each, as a numbered list."
    question += f" What matters: {focus}." if focus else ""
    return NoteRequest((Message("system", SYSTEM), user_message(question, [Attachment(where, text)])), max_tokens)


class NoteTaker:
    """Has a model take notes and keeps them in a cache, also those written before a cancel.

    `model` names the model in the keys of the cache: its hash. `keep` is Request.keep.
    """

    def __init__(
        self,
        engine: Engine,
        cache: NotesCache,
        model: str,
        *,
        keep: bool = True,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.engine = engine
        self._cache = cache
        self._model = model
        self._keep = keep
        self.cancelled = cancelled

    def write(self, requests: Sequence[NoteRequest]) -> Generator[NoteProgress | NotesWritten | Notice, None, None]:
        """Notes for each request, all in one call of the engine; what is in the cache is not written again."""
        keys = [key_of(self._model, request) for request in requests]
        missing: list[int] = []
        for number, key in enumerate(keys):
            text = self._cache.get(key)
            if text is None:
                missing.append(number)
            else:
                yield NotesWritten(number, text, None)
        if not missing:
            return
        texts = dict.fromkeys(missing, BEGUN)
        for event in self.engine.generate([self._prompt(requests[n]) for n in missing], stop=self.cancelled):
            number = missing[event.request]
            match event:
                case Reading():
                    yield NoteProgress(number)
                case Piece(_, text):
                    texts[number] += text
                case Notice():
                    yield event
                case Done(_, reason, usage) if reason != "cancelled":
                    text = texts[number] if reason == "stop" else whole_lines(texts[number])
                    self._cache.put(keys[number], text)
                    yield NotesWritten(number, text, usage)

    def _prompt(self, request: NoteRequest) -> Request:
        chat = Chat((*request.messages, Message("assistant", BEGUN)), continue_last=True)
        return Request(chat, SAMPLING, request.max_tokens, keep=self._keep)


def key_of(model: str, request: NoteRequest) -> str:
    """Everything that what is written depends on: the model's hash, the prompt with the passage, the sampling."""
    messages = [[message.role, message.text] for message in request.messages]
    parts = [model, messages, request.max_tokens, SAMPLING.temperature, SAMPLING.repeat_penalty, BEGUN]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()


def whole_lines(text: str) -> str:
    """A text without its last line, which was cut short, unless it is the only one."""
    head, line, _ = text.rpartition("\n")
    return head if line and head.strip() else text
