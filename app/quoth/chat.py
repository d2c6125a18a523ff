"""Messages and conversations, without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who said it and what was said."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text given as data, with the name it is shown under."""

    name: str
    text: str


def user_message(question: str, documents: Sequence[Document] = ()) -> Message:
    """Put documents before the question, each between tags that its own text does not contain."""
    if not documents:
        return Message("user", question)
    tag = "document"
    while any(f"<{tag}" in document.text or f"</{tag}" in document.text for document in documents):
        tag += "_"
    parts = [f'<{tag} name="{_attribute(d.name)}">\n{d.text.rstrip()}\n</{tag}>\n' for d in documents]
    return Message("user", "\n".join([*parts, question]))


def _attribute(name: str) -> str:
    return "".join(c if c.isprintable() and c not in '"<>' else "_" for c in name)
