"""What a history holds: conversations, their turns, and what a search finds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from quoth.chat import Attachment, Message, user_message
from quoth.text import one_line

Role = Literal["user", "assistant", "summary"]
Origin = Literal["chat", "prompt", "import"]
ROLES: tuple[Role, ...] = ("user", "assistant", "summary")
ORIGINS: tuple[Origin, ...] = ("chat", "prompt", "import")
REASONS = ("stop", "length", "cancelled", "context", "loop", "died", "interrupted")

TITLE = 60  # characters
SUMMARY = "Summary of the conversation so far:\n"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the tree. A summary stands for everything before it on its path.

    `reason` is "" while it is being written, "interrupted" if its writer is gone. Times are of the wall clock, in
    seconds, and only for display; order is by id.
    """

    id: int
    conversation: int
    parent: int | None
    role: Role
    text: str
    thought: str = ""
    documents: tuple[Attachment, ...] = ()
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    notice: str = ""
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    read_seconds: float = 0.0
    write_seconds: float = 0.0
    created: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation. `turns` counts its whole tree, `leaf` is the end of the current path."""

    id: int
    title: str
    system: str
    origin: Origin
    created: float
    changed: float
    turns: int
    leaf: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn that a search found, or a title: then `role` is "title" and `turn` the first turn, 0 if there is none.

    `marks` are the matched words as (start, end) in the snippet.
    """

    conversation: int
    title: str
    turn: int
    role: str
    snippet: str
    marks: tuple[tuple[int, int], ...]
    created: float


def title_of(text: str, documents: Sequence[Attachment] = ()) -> str:
    """The title from a first question: its first line with text, else the names of its documents."""
    lines = (one_line(line, TITLE) for line in text.splitlines())
    return next(filter(None, lines), "") or one_line(", ".join(document.name for document in documents), TITLE)


def messages_of(turns: Sequence[Turn]) -> list[Message]:
    """A path as an engine takes it: user and assistant in alternation.

    What comes before the last summary is left out; the summary is put in front of the next question. An answer without
    text is left out, and consecutive questions become one.
    """
    messages: list[Message] = []
    start = max((at for at, turn in enumerate(turns) if turn.role == "summary"), default=0)
    for turn in turns[start:]:
        match turn.role:
            case "user":
                message = user_message(turn.text, turn.documents)
            case "assistant":
                message = Message("assistant", turn.text)
            case "summary":
                message = Message("user", SUMMARY + turn.text)
        if not message.text:
            continue
        if messages and messages[-1].role == message.role:
            message = Message(message.role, f"{messages.pop().text}\n\n{message.text}")
        messages.append(message)
    return messages
