"""Notes about the parts of a text: written by the model, held against the part, kept under what they depend on."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Chat, Done, Engine, Notice, Piece, Reading, Request, Sampling, Usage
from quoth.tasks.collection import Span
from quoth.tasks.support import SourceText, support

SYSTEM = (
    "You take notes on one part of a longer text. Write the facts it states, each on a line of its own that begins "
    'with "- ". Keep names, numbers and dates exactly as they stand. Add nothing that the text does not say.'
)
QUESTION = "Write notes on this part of the text: its most important facts."
SAMPLING = Sampling(temperature=0.0, repeat_penalty=1.05, repeat_last_n=256)
BEGUN = "-"  # the answer is begun with it, so that it is a list


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


@dataclass(frozen=True, slots=True)
class Note:
    """One fact, in the model's words, and the stretches of the documents that it is from."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing for the model to take notes on: a part of a text, or notes to be merged."""

    messages: tuple[Message, ...]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class NoteProgress:
    """`done` of `total` prompt tokens of what is asked under this number have been read."""

    number: int
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote; `usage` is None where it was known from before."""

    number: int
    text: str
    usage: Usage | None


def about_part(text: str, where: str, focus: str, max_tokens: int) -> Asked:
    """Notes on a part; `where` names its headings."""
    question = f"{QUESTION} What matters: {focus}" if focus else QUESTION
    return Asked((Message("system", SYSTEM), user_message(question, [Attachment(where, text)])), max_tokens)


def write(
    engine: Engine,
    asked: Sequence[Asked],
    *,
    kept: NotesCache,
    model: str,
    keep: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[NoteProgress | Written | Notice, None, bool]:
    """Have the model write about each thing asked, all in one call; what is kept is not written again.

    Returns whether all of it was written. What was written before a cancel is kept.
    """
    keys = [key_of(model, one) for one in asked]
    missing: list[int] = []
    for number, key in enumerate(keys):
        text = kept.get(key)
        if text is None:
            missing.append(number)
        else:
            yield Written(number, text, None)
    requests = [
        Request(
            Chat((*asked[n].messages, Message("assistant", BEGUN)), continue_last=True),
            SAMPLING,
            asked[n].max_tokens,
            keep=keep,
        )
        for n in missing
    ]
    texts = dict.fromkeys(missing, BEGUN)
    whole = True
    for event in engine.generate(requests, stop=cancelled) if requests else ():
        number = missing[event.request]
        match event:
            case Reading(_, done, total):
                yield NoteProgress(number, done, total)
            case Piece(_, text):
                texts[number] += text
            case Notice():
                yield event
            case Done(_, "cancelled", _):
                whole = False
            case Done(_, reason, usage):
                text = texts[number] if reason == "stop" else whole_lines(texts[number])
                kept.put(keys[number], text)
                yield Written(number, text, usage)
    return whole


def key_of(model: str, asked: Asked) -> str:
    """Everything that what is written depends on: the model's hash, the prompt with the passage, the sampling."""
    import hashlib

    messages = [[message.role, message.text] for message in asked.messages]
    parts = [model, messages, asked.max_tokens, SAMPLING.temperature, SAMPLING.repeat_penalty, BEGUN]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()


def whole_lines(text: str) -> str:
    """A text without its last line, which was cut short, unless it is the only one."""
    head, line, _ = text.rpartition("\n")
    return head if line and head.strip() else text


def lines_of(text: str) -> list[str]:
    """The items of a list, without their marks; each once."""
    lines = (line.strip().lstrip("-*• ").strip() for line in text.splitlines())
    return [*dict.fromkeys(line for line in lines if line)]


def supported_lines(text: str, source: SourceText, threshold: float) -> list[str]:
    """The items of a list that a source supports."""
    return [line for line in lines_of(text) if support(line, source) >= threshold]
