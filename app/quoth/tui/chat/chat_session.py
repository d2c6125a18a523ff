"""The state of a chat: its conversation, its model, the turn that is being answered, what waits. No screen in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from quoth.chat import Attachment
from quoth.history import Conversation, History, Turn
from quoth.tui.chat.open_conversation import Entry, OpenConversation, tasks_of
from quoth.tui.history_writer import HistoryWriter, PendingId

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
        self.lasting = HistoryWriter(history)
        self.conversation = OpenConversation(self.lasting, system=system)
        self.private = private
        self._system = system
        self._always_private = private
        self._changed = changed

    @property
    def busy(self) -> bool:
        """Whether a turn is being answered."""
        return self.running is not None

    @property
    def model_name(self) -> str:
        """Of the model that answers; empty while there is none."""
        return self.model.name if self.model is not None else ""

    @property
    def writer(self) -> HistoryWriter:
        return self.conversation.writer

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
        left = self.private and not self._always_private
        self.private = private or self._always_private
        writer = HistoryWriter(History(None)) if private else self.lasting
        self.conversation = OpenConversation(writer, system=self._system)
        self._changed()
        return left

    def open(self, writer: HistoryWriter, row: Conversation, turns: Sequence[Turn]) -> bool:
        """Go on with one from the history; False if it was private and has been left meanwhile."""
        if writer not in (self.lasting, self.writer):
            return False
        self.let_go()
        self.private = writer is not self.lasting or self._always_private
        entries = [Entry(turn, PendingId(turn.id), task) for turn, task in zip(turns, tasks_of(turns), strict=True)]
        self.conversation = OpenConversation(writer, PendingId(row.id), row.system, row.title, entries)
        self._changed()
        return True

    def is_open(self, conversation: int) -> bool:
        """Whether a conversation of the lasting history is on the screen."""
        return self.writer is self.lasting and self.conversation.ref.id == conversation

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
