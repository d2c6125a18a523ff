"""The state of a chat: its conversation, its model, the turn that is being answered, what waits. No screen in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.history import Conversation, History, Role, Turn
from quoth.tui.commands import parse
from quoth.tui.history_writer import HistoryWriter, PendingId, stored

if TYPE_CHECKING:
    from quoth.library.model import Model
    from quoth.models import ModelFile
    from quoth.tui.chat.running_turn import RunningTurn

LAST_SECONDS = 2.0  # for the answer that is being written when its conversation or the app is left


class State(Enum):
    """What a session does now."""

    IDLE = "idle"
    LOADING = "loading"  # a model is on its way, and nothing is answered
    READING = "reading"  # a turn is being answered: the model reads, or is waited for
    WRITING = "writing"
    STOPPING = "stopping"  # the turn was told to end, and has not ended yet


NEXT = {
    State.IDLE: {State.LOADING, State.READING},
    State.LOADING: {State.IDLE, State.READING},
    State.READING: {State.WRITING, State.STOPPING, State.IDLE},
    State.WRITING: {State.STOPPING, State.IDLE},
    State.STOPPING: {State.IDLE},
}


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
    command = parse(text)
    match command:
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
    """The conversation on the screen."""

    ref: PendingId = field(default_factory=PendingId)
    system: str = ""
    title: str = ""
    path: list[Entry] = field(default_factory=list)
    messages_dropped: int = 0  # the oldest, which did not fit any more

    def index_of(self, ref: PendingId) -> int | None:
        return next((index for index, entry in enumerate(self.path) if entry.ref is ref), None)


class WaitingQuestion(NamedTuple):
    """A question that was asked before there was a model."""

    text: str
    documents: Sequence[Attachment]


class ChatSession:
    """One chat. `changed` is called whenever its state, its progress or its privacy is another.

    Everything here is for one thread, the app's own; those that answer get a RunningTurn.
    """

    def __init__(
        self,
        history: History,
        *,
        system: str = "",
        private: bool = False,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`system` is what every new conversation is told; with `private` nothing is ever kept."""
        self.state = State.IDLE
        self.progress = ""  # how far that is, in words
        self.model: Model | None = None
        self.next_model: ModelFile | None = None  # chosen while a turn was being answered
        self.running: RunningTurn | None = None
        self.left: RunningTurn | None = None  # the turn that was let go last
        self.waiting: WaitingQuestion | None = None
        self.attachments: list[Attachment] = []
        self.lasting = self.writer = HistoryWriter(history)
        self.conversation = OpenConversation(system=system)
        self.private = private
        self._system = system
        self._always_private = private
        self._changed = changed

    @property
    def busy(self) -> bool:
        """Whether a turn is being answered."""
        return self.running is not None

    @property
    def path(self) -> list[Entry]:
        return self.conversation.path

    # State

    def _enter(self, state: State, progress: str = "") -> None:
        if state is not self.state and state not in NEXT[self.state]:
            raise ValueError(f"a session that is {self.state.value} cannot be {state.value} next")
        self.state, self.progress = state, progress
        self._changed()

    def load(self, progress: str) -> None:
        """A model is on its way. What is being answered meanwhile goes on."""
        self._enter(self.state if self.busy else State.LOADING, progress)

    def settle(self) -> None:
        """The model is there, or will not come."""
        self._enter(self.state if self.busy else State.IDLE)

    def look_aside(self, progress: str) -> None:
        """Something is done beside the conversation, or is over: ""."""
        if not self.busy:
            self._enter(self.state, progress)

    def begin(self, turn: RunningTurn) -> None:
        """A turn is being answered from now on. Raises ValueError while another one is."""
        if self.busy:
            raise ValueError("another turn is being answered")
        self._enter(State.READING)
        self.running = turn

    def read(self, turn: RunningTurn, progress: str) -> None:
        """So much has been read for a turn."""
        if turn is self.running and self.state is State.READING:
            self._enter(State.READING, progress)

    def write(self, turn: RunningTurn) -> None:
        """Something was written in a turn."""
        if turn is self.running and self.state in (State.READING, State.WRITING):
            self._enter(State.WRITING)

    def stop(self) -> bool:
        """Tell the turn that is being answered to end; False if there is none."""
        if self.running is None:
            return False
        self.running.stop.set()
        self._enter(State.STOPPING)
        return True

    def end(self, turn: RunningTurn) -> bool:
        """A turn has ended; False if it was let go before."""
        if turn is not self.running:
            return False
        self.running = None
        self._enter(State.IDLE)
        return True

    def let_go(self) -> None:
        """Stop what is being answered and do not wait for it: its thread keeps what was said."""
        if self.stop():
            self.left, self.running = self.running, None
        self._enter(State.IDLE if self.state is State.STOPPING else self.state)

    def wait_for_left(self, conversation: int, writer: HistoryWriter) -> None:
        """Before a conversation is opened: have all that was said in it, not what had been written by chance.

        The only one for another thread.
        """
        turn = self.left
        if self.running is not None and writer is self.writer and self.conversation.ref.id == conversation:
            turn = self.running
            turn.stop.set()
        if turn is not None:
            turn.kept.wait(LAST_SECONDS)

    # Conversations

    def new_conversation(self, *, private: bool = False) -> bool:
        """An empty one, told what the settings say and nothing of the one before; of a private one nothing is kept.

        Returns whether a private one was left.
        """
        self.let_go()
        left_private = self._leave_private()
        self.conversation = OpenConversation(system=self._system)
        if private:
            self.private, self.writer = True, HistoryWriter(History(None))
        self._changed()
        return left_private

    def open(self, writer: HistoryWriter, row: Conversation, turns: Sequence[Turn]) -> bool:
        """Go on with one from the history; False if it was private and has been left meanwhile."""
        if writer not in (self.lasting, self.writer):
            return False
        self.let_go()
        if writer is self.lasting:
            self._leave_private()
        entries = [Entry(turn, PendingId(turn.id), task) for turn, task in zip(turns, tasks_of(turns), strict=True)]
        self.conversation = OpenConversation(PendingId(row.id), row.system, row.title, entries)
        self._changed()
        return True

    def _leave_private(self) -> bool:
        """Conversations of the list are in the lasting history."""
        if not self.private or self._always_private:
            return False
        self.private, self.writer = False, self.lasting
        return True

    def is_open(self, conversation: int) -> bool:
        """Whether a conversation of the lasting history is on the screen."""
        return self.writer is self.lasting and self.conversation.ref.id == conversation

    def set_title(self, text: str, conversation: OpenConversation) -> None:
        conversation.title = " ".join(text.split())
        writer = self.writer
        if conversation.ref.id is not None:
            writer.do(lambda: writer.history.rename(stored(conversation.ref), conversation.title))

    def set_system(self, text: str, conversation: OpenConversation) -> None:
        conversation.system = text.strip()
        writer = self.writer
        if conversation.ref.id is not None:
            writer.do(lambda: writer.history.set_system(stored(conversation.ref), conversation.system))

    # Turns

    def add(
        self, role: Role, text: str = "", *, documents: Sequence[Attachment] = (), task: Task = REPLY
    ) -> tuple[Entry, Callable[[str], None]]:
        """A turn at the end of the path, and what writes it to the history, given the model that answers."""
        conversation, writer = self.conversation, self.writer
        parent = conversation.path[-1].ref if conversation.path else None
        answers = role != "user"
        model = self.model.name if answers and self.model is not None else ""
        turn = Turn(0, 0, None, role, text, documents=tuple(documents), model=model, created=time.time())
        entry = Entry(turn, PendingId(), task)
        conversation.path.append(entry)

        def write(model: str) -> None:
            writer.new(conversation.ref, title=conversation.title, system=conversation.system, origin="chat")
            more = {"model": model, "ended": False} if answers else {"documents": turn.documents}
            writer.add(entry.ref, conversation.ref, parent, role, text, **more)

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
        self.conversation.messages_dropped = 0  # less may fit now
        return gone

    def edit_summary(self, entry: Entry, text: str) -> None:
        entry.turn = replace(entry.turn, text=text)
        writer = self.writer
        writer.do(lambda: writer.history.edit(stored(entry.ref), text))

    def discard(self, index: int) -> set[PendingId]:
        """Take the last turn away, from the history too. What did not fit still does not."""
        ref, writer, dropped = self.path[index].ref, self.writer, self.conversation.messages_dropped
        gone = self.cut(index)
        self.conversation.messages_dropped = dropped
        writer.do(lambda: writer.history.discard(stored(ref)))
        return gone

    def documents(self) -> list[Attachment]:
        """What goes with the next question, and what went with those before; each once."""
        before = [document for entry in self.path for document in entry.turn.documents]
        return [*dict.fromkeys([*self.attachments, *before])]

    def take_waiting(self) -> WaitingQuestion | None:
        """The question that waits for a model, which waits no longer."""
        question, self.waiting = self.waiting, None
        return question

    def close(self) -> int:
        """Stop what runs and write what is left; returns the changes that never got into the history."""
        if self.running is not None:
            self.running.stop.set()
            self.running.kept.wait(LAST_SECONDS)
        self.lasting.flush()
        return self.lasting.waiting
