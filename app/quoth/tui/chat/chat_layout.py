"""What the chat's screen is made of: its widgets, the lines above its prompt, and what is done beside it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from quoth.chat import Attachment
from quoth.errors import QuothError
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

    def __init__(self) -> None:
        super().__init__()
        self.sidebar, self.transcript = Sidebar(id="sidebar"), Transcript(id="transcript")
        self.prompt = Prompt(id="prompt")
        self.status = StatusLine(id="status")
        self._banner, self._detail = Static("", id="banner", markup=False), Static("", id="detail", markup=False)
        self._attachments = Static("", id="attachments", markup=False)

    def compose(self) -> ComposeResult:
        with DrawnRow():
            yield self.sidebar
            with Column(id="main"):
                yield from (self.transcript, self._banner, self._detail, self._attachments, self.prompt)
        yield self.status
        yield KeyBar()

    @property
    def welcome(self) -> Welcome | None:
        return self.query_one_optional(Welcome)

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

    def say(self, text: str) -> None:
        """A notice that goes away by itself."""
        self.notify(text, markup=False)

    def banner(self, text: str) -> None:
        """A line above the prompt that stays until the next question; empty: none."""
        _show(self._banner, text)

    def detail(self, text: str) -> None:
        """What is looked at, in two lines above the prompt; empty: none."""
        if text or self._detail.display:
            _show(self._detail, text)

    def show_attachments(self, documents: Sequence[Attachment]) -> None:
        _show(self._attachments, attachments_line(documents))

    # What is done beside the screen

    def thread(self, work: Callable[..., object], *arguments: Any, group: str, exclusive: bool = False) -> None:
        """Do something in a new thread; with `exclusive` the others of its group are cancelled."""
        work = partial(work, *arguments)
        self.run_worker(work, group=group, thread=True, exclusive=exclusive, exit_on_error=False)

    def beside(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Do something that waits for the user."""
        self.run_worker(coroutine, exit_on_error=False)

    def cancel(self, *groups: str) -> bool:
        """Cancel the threads of these groups; False if there are none."""
        found = [worker for worker in self.workers if worker.group in groups and worker.is_running]
        for worker in found:
            worker.cancel()
        return bool(found)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What went wrong in a thread is told; a bug must not end the app either."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.banner(str(error if isinstance(error, QuothError) else bug(error)))


def _show(line: Static, text: str | Content) -> None:
    """A line that takes no room while it is empty."""
    line.update(text)
    line.display = bool(text)
