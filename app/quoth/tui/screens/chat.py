"""The chat: its keys, its prompt, its beginning."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.message import Message

from quoth.errors import QuothError
from quoth.text import well_formed
from quoth.tui.commands import parse
from quoth.tui.screens.chat_layout import PROBABILITIES
from quoth.tui.screens.dialogs import Confirm
from quoth.tui.screens.slash_commands import WithCommands
from quoth.tui.terminal import gc_pauses, links
from quoth.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from textual.widgets import Markdown

WIDE = 110  # columns from which the list of conversations is shown by itself
BESIDE = ("fetch", "documents", PROBABILITIES)  # groups of workers that Escape stops
RETRY_SECONDS = 5.0  # a history that refused is tried again


class HelpAsked(Message):
    """The help screen is wanted: it has the bindings of the whole app."""


class ChatScreen(WithCommands):
    """`action_*` is for keys, `command_*` for slash commands; both are in the palette and on the help screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop", id="chat.stop"),
        Binding("ctrl+n", "new", "New", id="chat.new"),
        Binding("ctrl+b", "sidebar", "Conversations", id="chat.sidebar"),
        Binding("ctrl+f", "search", "Search", show=False, id="chat.search"),
        Binding("ctrl+o", "choose_model", "Model", id="chat.model"),
        Binding("ctrl+r", "retry", "Retry", show=False, id="chat.retry"),
        Binding("ctrl+up", "turn(-1)", "Turns", id="chat.turns"),
        Binding("ctrl+t", "drop_attachment", "Drop attachment", show=False, id="chat.drop"),
        Binding("ctrl+end", "bottom", "Bottom", show=False, id="chat.bottom"),
    ]

    async def on_mount(self) -> None:
        self.sidebar.display = self.app.size.width >= WIDE
        self.prompt.focus()
        self.status.private = self.private
        await self.show_empty()
        self.watch(self, "focused", self._focus_moved, init=False)
        self.set_interval(RETRY_SECONDS, self._retry_history)
        # After the first paint: what follows takes time on a slow disk.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc_pauses.after_first_paint()
        self._warm()
        self.find_model()
        self.refresh_conversations()
        if self.keeper.history.problem:
            self.banner(self.keeper.history.problem)
        if self._first is not None:
            self.open_conversation(self._first)

    @work(thread=True, exit_on_error=False)
    def _warm(self) -> None:
        """Import what the first turn needs: it is no part of the first paint."""
        import quoth.tui.widgets.answer  # noqa: F401

    @on(Prompt.Submitted)
    async def _submitted(self, event: Prompt.Submitted) -> None:
        text = well_formed(event.text)
        command = parse(text)
        if command is not None:
            await self.carry_out(*command)
            return
        if self.busy:
            self.prompt.give_back(text)
            self.notify("An answer is being written; Escape stops it", markup=False)
            return
        if self.model is None and self.holder.engine is None and self.is_model(text):
            self.take_choice(text)
            return
        self.prompt.recallable.append(text)
        await self.ask(text)

    @on(Prompt.EditOutside)
    def _edit_outside(self, event: Prompt.EditOutside) -> None:
        """Open the text in $VISUAL or $EDITOR."""
        environ = self.backend.environ
        editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
        descriptor, name = tempfile.mkstemp(suffix=".md", prefix="quoth-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(event.text)
            with self.app.suspend():
                import shlex

                done = subprocess.run([*shlex.split(editor), name], check=False)
            if done.returncode == 0:
                self.prompt.take(Path(name).read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        except (OSError, ValueError, SuspendNotSupported) as error:
            why = (isinstance(error, OSError) and error.strerror) or str(error) or "this terminal cannot be lent"
            self.notify(f"{editor} cannot be started: {why}", severity="error", markup=False)
        finally:
            with suppress(OSError):
                os.unlink(name)

    def action_stop(self) -> None:
        if self.job is not None:
            self.job.stop.set()
            self.status.doing = "stopping"
        elif self.take_back():
            self.prompt.focus()
        elif fetching := [worker for worker in self.workers if worker.group in BESIDE and worker.is_running]:
            for worker in fetching:
                worker.cancel()
            self.status.doing = ""
        else:
            self.banner("")
            self.prompt.focus()

    async def action_new(self) -> None:
        await self.command_new("")

    def action_sidebar(self) -> None:
        self.sidebar.display = not self.sidebar.display
        if self.sidebar.display:
            self.refresh_conversations()
            self.query_one("#search").focus()
        else:
            self.prompt.focus()

    def action_search(self) -> None:
        self.sidebar.display = True
        self.query_one("#search").focus()

    def action_choose_model(self) -> None:
        self.command_model("")

    async def action_retry(self) -> None:
        await self.command_retry("")

    def action_bottom(self) -> None:
        self.transcript.anchor()

    def command_help(self, argument: str) -> None:
        self.post_message(HelpAsked())

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        event.stop()
        self.open_link(event.href)

    @work(exit_on_error=False)
    async def open_link(self, url: str) -> None:
        """Show a link in full, and open it if that is wanted."""
        question = "Open this link in the browser?"
        if not await self.app.push_screen_wait(Confirm(question, links.shown(url))):
            return
        try:
            links.open_link(url)
        except QuothError as error:
            self.banner(str(error))
