"""What the chat's screen is made of: its widgets, the lines above its prompt, and what is done beside it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.running_turn import bug
from quoth.tui.thread_calls import ThreadCalls
from quoth.tui.widgets.drawing import Column, DrawnRow
from quoth.tui.widgets.key_bar import KeyBar
from quoth.tui.widgets.prompt_input import Prompt
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.status_line import StatusLine
from quoth.tui.widgets.transcript import Transcript
from quoth.tui.widgets.turn_view import TurnView, attachments_line
from quoth.tui.widgets.welcome import Welcome

PROBABILITIES = "probabilities"  # the group of threads that look them up


class ChatLayout(Screen[None], ThreadCalls):
    """The chat as it is seen. What happens in it is the business of those that are given it."""

    DEFAULT_CSS = """
    #main { width: 1fr; }
    #transcript { height: 1fr; }
    #attachments { color: $text-accent; padding: 0 1; display: none; }
    #banner { background: $error 30%; color: $text; padding: 0 1; display: none; }
    #detail { height: 2; text-wrap: nowrap; text-overflow: ellipsis; color: $text-muted; padding: 0 1; display: none; }
    """

    def compose(self) -> ComposeResult:
        with DrawnRow():
            yield Sidebar(id="sidebar")
            with Column(id="main"):
                yield Transcript(id="transcript")
                yield Static("", id="banner", markup=False)
                yield Static("", id="detail", markup=False)
                yield Static("", id="attachments", markup=False)
                yield Prompt(id="prompt")
        yield StatusLine(id="status")
        yield KeyBar()

    @property
    def transcript(self) -> Transcript:
        return self.query_one("#transcript", Transcript)

    @property
    def prompt(self) -> Prompt:
        return self.query_one("#prompt", Prompt)

    @property
    def status(self) -> StatusLine:
        return self.query_one("#status", StatusLine)

    @property
    def sidebar(self) -> Sidebar:
        return self.query_one("#sidebar", Sidebar)

    @property
    def welcome(self) -> Welcome | None:
        found = self.query(Welcome)
        return found.first(Welcome) if found else None

    # What is shown

    async def show_empty(self) -> None:
        """An empty conversation, which teaches."""
        await self.transcript.show([])
        await self.transcript.add(Welcome())
        self.status.used = 0
        self.status.rate = 0

    async def add_turns(self, *views: TurnView) -> None:
        """Put turns at the end of the conversation."""
        if self.welcome is not None:
            await self.welcome.remove()
        await self.transcript.add(*views)

    def show_state(self, session: ChatSession) -> None:
        for line in self.query("#status").results(StatusLine):  # none is there while the screen is taken down
            line.show(session.state, session.progress, session.private)

    def say(self, text: str) -> None:
        """A notice that goes away by itself."""
        self.notify(text, markup=False)

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

    def show_attachments(self, documents: Sequence[Attachment]) -> None:
        line = self.query_one("#attachments", Static)
        line.update(attachments_line([(d.name, d.text) for d in documents]))
        line.display = bool(documents)

    # What is done beside the screen

    def thread(self, work: Callable[..., object], *arguments: Any, group: str, exclusive: bool = False) -> None:
        """Do something in a thread of its own; with `exclusive` the others of its group are cancelled."""
        work = partial(work, *arguments)
        self.run_worker(work, group=group, thread=True, exclusive=exclusive, exit_on_error=False)

    def beside(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do something that waits for the user."""
        self.run_worker(coroutine, exit_on_error=False)

    def running(self, *groups: str) -> list[Worker[Any]]:
        """The threads of these groups."""
        return [worker for worker in self.workers if worker.group in groups and worker.is_running]

    def cancel(self, *groups: str) -> bool:
        """Cancel the threads of these groups; False if there are none."""
        found = self.running(*groups)
        for worker in found:
            worker.cancel()
        return bool(found)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in something beside an answer must not end the app either."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.banner(str(error if isinstance(error, QuothError) else bug(error)))
