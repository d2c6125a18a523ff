"""The chat's screen itself: what it is made of, and the lines above its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.tui.backend import Backend
from quoth.tui.history_writer import HistoryWriter
from quoth.tui.loading import EngineHolder
from quoth.tui.screens.conversation_state import Talk
from quoth.tui.widgets.drawing import Column, DrawnRow
from quoth.tui.widgets.key_bar import KeyBar
from quoth.tui.widgets.prompt import Prompt
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.status import Status
from quoth.tui.widgets.transcript import Transcript
from quoth.tui.widgets.turn import TurnView, attachments_line
from quoth.tui.widgets.welcome import Welcome
from quoth.tui.work import Work

if TYPE_CHECKING:
    from quoth.models import ModelFile

PROBABILITIES = "probabilities"  # the group of workers that look them up


class Shell(Screen[None]):
    """The widgets of the chat, and its state; each subclass up to `ChatScreen` adds a subject."""

    DEFAULT_CSS = """
    #main { width: 1fr; }
    #transcript { height: 1fr; }
    #attachments { color: $text-accent; padding: 0 1; display: none; }
    #banner { background: $error 30%; color: $text; padding: 0 1; display: none; }
    #detail { height: 2; text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; padding: 0 1; display: none; }
    """

    def __init__(self, backend: Backend, conversation: int | None = None) -> None:
        super().__init__()
        self.backend = backend
        self.keeper = HistoryWriter(backend.history)
        self.holder = EngineHolder()
        self.talk = Talk(system=backend.settings.system)
        self.model: ModelFile | None = None
        self.attachments: list[Attachment] = []
        self.live: TurnView | None = None  # the answer that is being written
        self.private = backend.private
        self.job: Work | None = None
        self._rated = 0.0  # seconds into the answer when its speed was shown last
        self._pending: tuple[str, list[Attachment]] | None = None  # asked before there was a model
        self._next_model: ModelFile | None = None  # chosen while an answer was being written
        self._left: Work | None = None  # the answer that was let go last
        self._first = conversation  # the one to open
        self._lasting = self.keeper

    def compose(self) -> ComposeResult:
        with DrawnRow():
            yield Sidebar(id="sidebar")
            with Column(id="main"):
                yield Transcript(id="transcript")
                yield Static("", id="banner", markup=False)
                yield Static("", id="detail", markup=False)
                yield Static("", id="attachments", markup=False)
                yield Prompt(id="prompt")
        yield Status(id="status")
        yield KeyBar()

    @property
    def transcript(self) -> Transcript:
        return self.query_one("#transcript", Transcript)

    @property
    def prompt(self) -> Prompt:
        return self.query_one("#prompt", Prompt)

    @property
    def status(self) -> Status:
        return self.query_one("#status", Status)

    @property
    def sidebar(self) -> Sidebar:
        return self.query_one("#sidebar", Sidebar)

    @property
    def welcome(self) -> Welcome | None:
        found = self.query(Welcome)
        return found.first(Welcome) if found else None

    def stop_looking_up(self) -> None:
        """The engine has something else to do than to look up probabilities."""
        self.workers.cancel_group(self, PROBABILITIES)

    @property
    def busy(self) -> bool:
        return self.live is not None

    async def show_empty(self) -> None:
        """An empty conversation, which teaches."""
        await self.transcript.show([])
        await self.transcript.add(Welcome())
        self.status.used = 0
        self.status.rate = 0

    def banner(self, text: str) -> None:
        """A line above the prompt that stays until the next question; empty: none."""
        line = self.query_one("#banner", Static)
        line.update(text)
        line.display = bool(text)

    def detail(self, text: str) -> None:
        """What is looked at, in two lines above the prompt; empty: none."""
        for lines in self.query("#detail").results(Static):  # none is there while the screen is taken down
            if text or lines.display:
                lines.update(text)
                lines.display = bool(text)

    def set_attachments(self, documents: list[Attachment]) -> None:
        self.attachments = documents
        line = self.query_one("#attachments", Static)
        line.update(attachments_line([(d.name, d.text) for d in documents]))
        line.display = bool(documents)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in something beside an answer must not end the app either."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            known = isinstance(error, QuothError)
            self.banner(str(error) if known else f"{type(error).__name__}: {error} (this is a bug). Please report it")
