"""Messages and conversations, without I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One turn: who said it and what was said."""

    role: Role
    text: str


class Attachment(NamedTuple):
    """A text given as data, with the name it is shown under."""

    name: str
    text: str


_CLOSING = re.compile(r"<\s*/\s*(text(?:-\w*)?)\b", re.IGNORECASE)


def user_message(question: str, documents: Sequence[Attachment] = ()) -> Message:
    """Put documents before the question, each under its name and between tags that its own text cannot close.

    Tags, and no fence of Markdown: a model that reads its data in a fence puts its answer into one. Where a text has
    the closing tag itself, the tag gets the first number that the text does not have: </text-2>.
    """
    parts = [_tagged(document) for document in documents]
    return Message("user", "\n\n".join([*parts, question] if question else parts))


def _tagged(document: Attachment) -> str:
    body = document.text.rstrip("\n")
    closed = {tag.casefold() for tag in _CLOSING.findall(body)}
    tags = ("text" if number == 1 else f"text-{number}" for number in count(1))
    tag = next(tag for tag in tags if tag not in closed)
    name = " ".join("".join(c if c.isprintable() and c != "<" else " " for c in document.name).split())
    return f"{name}:\n<{tag}>\n{body}\n</{tag}>"


_MARKED = re.compile(r"[^<\n]*:\n<(text(?:-\d+)?)>\n")


def marks_of(messages: Sequence[Message]) -> tuple[str, str] | None:
    """The tags around the first document of a conversation, if it has one."""
    found = (_MARKED.match(message.text) for message in messages if message.role == "user")
    tag = next((match[1] for match in found if match), None)
    return (f"<{tag}>", f"</{tag}>") if tag else None
