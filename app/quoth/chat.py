"""Messages and conversations, without I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
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


def user_message(question: str, documents: Sequence[Attachment] = ()) -> Message:
    """Put documents before the question, each named and in a fence that its own text cannot close.

    The fence is CommonMark's: longer than any run of backticks in the text.
    """
    parts = [_fenced(document) for document in documents]
    return Message("user", "\n\n".join([*parts, question] if question else parts))


def _fenced(document: Attachment) -> str:
    longest = max((len(run) for run in re.findall("`+", document.text)), default=0)
    fence = "`" * max(3, longest + 1)
    name = " ".join("".join(c if c.isprintable() and c != "`" else " " for c in document.name).split())
    body = document.text.rstrip("\n")
    return f"{name}:\n{fence}\n{body}\n{fence}"
