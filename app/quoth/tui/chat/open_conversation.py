"""The conversation on the screen: its turns, what each of them is part of, and how they get into the history."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.history import Role, Turn
from quoth.tui.commands import parse
from quoth.tui.history_writer import HistoryWriter, PendingId, stored


class Task(NamedTuple):
    """What a turn is part of: a reply, the summary of a conversation, or work on documents, with what was asked."""

    kind: Literal["reply", "compact", "ask", "summarize"] = "reply"
    argument: str = ""

    @property
    def command(self) -> str:
        """What asks for work on documents."""
        return f"/{self.kind} {self.argument}".strip()


REPLY = Task()


def document_task(text: str) -> Task | None:
    """The work on documents that a prompt asks for, if it asks for any."""
    match parse(text):
        case ("ask" | "summarize") as kind, argument:
            return Task(kind, argument)
    return None


def tasks_of(turns: Sequence[Turn]) -> list[Task]:
    """The task of each turn of a conversation that comes from the history, which keeps what was asked as text."""
    tasks: list[Task] = []
    for turn in turns:
        if turn.role == "user":
            tasks.append(document_task(turn.text) or REPLY)
        else:
            tasks.append(Task("compact") if turn.role == "summary" else tasks[-1] if tasks else REPLY)
    return tasks


@dataclass
class Entry:
    """A turn of the conversation on the screen, its place in the history, and what it is part of."""

    turn: Turn
    ref: PendingId
    task: Task = REPLY


@dataclass
class OpenConversation:
    """The conversation on the screen, and what writes it to its history."""

    writer: HistoryWriter
    ref: PendingId = field(default_factory=PendingId)
    system: str = ""
    title: str = ""
    path: list[Entry] = field(default_factory=list)
    messages_dropped: int = 0  # the oldest, which did not fit any more

    def index_of(self, ref: PendingId) -> int | None:
        return next((index for index, entry in enumerate(self.path) if entry.ref is ref), None)

    def set_title(self, text: str) -> None:
        self.title = " ".join(text.split())
        if self.ref.id is not None:
            self.writer.do(lambda: self.writer.history.rename(stored(self.ref), self.title))

    def set_system(self, text: str) -> None:
        self.system = text.strip()
        if self.ref.id is not None:
            self.writer.do(lambda: self.writer.history.set_system(stored(self.ref), self.system))

    # Turns

    def add(
        self, role: Role, text: str = "", *, documents: Sequence[Attachment] = (), model: str = "", task: Task = REPLY
    ) -> tuple[Entry, Callable[[str], None]]:
        """A turn at the end of the path, and what writes it to the history, given the model that answers."""
        parent = self.path[-1].ref if self.path else None
        turn = Turn(0, 0, None, role, text, documents=tuple(documents), model=model, created=time.time())
        entry = Entry(turn, PendingId(), task)
        self.path.append(entry)

        def write(model: str) -> None:
            self.writer.new(self.ref, title=self.title, system=self.system, origin="chat")
            more = {"documents": turn.documents} if role == "user" else {"model": model, "ended": False}
            self.writer.add(entry.ref, self.ref, parent, role, text, **more)

        return entry, write

    def versions_at(self, index: int) -> int:
        """How many versions there are of the turn at `index` of the path; 0 behind its end."""
        if index >= len(self.path):
            return 0
        ref = self.path[index].ref
        try:
            return len(self.writer.history.siblings(ref.id)) if ref.id is not None else 1
        except QuothError:
            return 1

    def cut(self, index: int) -> set[PendingId]:
        """Take the turns from `index` on from the path; in the history they stay."""
        gone = {entry.ref for entry in self.path[index:]}
        del self.path[index:]
        self.messages_dropped = 0  # less may fit now
        return gone

    def edit_summary(self, entry: Entry, text: str) -> None:
        entry.turn = replace(entry.turn, text=text)
        self.writer.do(lambda: self.writer.history.edit(stored(entry.ref), text))

    def discard(self, index: int) -> set[PendingId]:
        """Take the last turn away, from the history too. What did not fit still does not."""
        ref, dropped = self.path[index].ref, self.messages_dropped
        gone = self.cut(index)
        self.messages_dropped = dropped
        self.writer.do(lambda: self.writer.history.discard(stored(ref)))
        return gone
