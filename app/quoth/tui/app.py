"""The app itself: what is process-wide. The chat is in `chat/`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen

from quoth.config import keys
from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.tui.chat.chat_screen import ChatScreen
from quoth.tui.chat.model_loader import OpenModel
from quoth.tui.commands import COMMANDS
from quoth.tui.help_screen import Help
from quoth.tui.palette import Conversations
from quoth.tui.terminal.driver import DRIVER, PasteCut
from quoth.tui.terminal.safe_filter import SafeFilter
from quoth.tui.widgets.prompt_input import Prompt
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.token_probabilities import TokenProbabilities
from quoth.tui.widgets.turn_view import TurnView


class QuothApp(App[None]):
    """Quoth on a terminal."""

    TITLE = "Quoth"
    CSS = "ToastRack { dock: top; align: right top; margin: 0; }"  # at the bottom they would hide the prompt
    COMMANDS: ClassVar[Any] = App.COMMANDS | {Conversations}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", id="app.quit", priority=True),
        Binding("f1", "show_help", "Help", id="app.help"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="app.suspend", priority=True),
    ]

    def __init__(self, workspace: Workspace, conversation: int | None = None, *, open_model: OpenModel = Model) -> None:
        """`conversation` is the one to begin with. Raises UsageError for a damaged table of keys."""
        super().__init__(driver_class=DRIVER)
        self.workspace = workspace
        self.chat = ChatScreen(workspace, open_model, conversation)
        self._keys = keys(workspace.folders)
        self._safe_filter = SafeFilter()
        self.unsaved = 0  # changes that never got into the history

    def get_default_screen(self) -> Screen[Any]:
        return self.chat

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._safe_filter]

    def on_mount(self) -> None:
        self.set_keymap(self._keys)
        theme = self._stored_theme()
        if theme in self.available_themes:
            self.theme = theme
        self.theme_changed_signal.subscribe(self, lambda theme: self._store_theme(theme.name))

    @property
    def _theme_file(self) -> Path:
        return self.workspace.folders.state / "theme.json"

    def _stored_theme(self) -> str:
        try:
            return str(json.loads(self._theme_file.read_text(encoding="utf-8"))["theme"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _store_theme(self, name: str) -> None:
        if self.workspace.settings.private:
            return
        with suppress(OSError):  # the colours are still changed
            self._theme_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._theme_file.write_text(json.dumps({"theme": name}), encoding="utf-8")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        for command in COMMANDS:  # the palette parses what it shows as markup
            title = f"{command.name.capitalize()}: {command.help}"
            usage = f"/{command.name} {command.argument}".strip()
            carry_out = partial(self.chat.commands.carry_out, command.name)
            yield SystemCommand(title.replace("[", "\\["), usage.replace("[", "\\["), carry_out)
        yield SystemCommand("Screenshot", "write an SVG picture of the screen", self.deliver_screenshot)

    def action_show_help(self) -> None:
        from quoth.tui.documents.document_screen import DocumentScreen
        from quoth.tui.widgets.cited_answer import CitedAnswer

        groups = [
            ("Everywhere", type(self).BINDINGS),
            ("Chat", ChatScreen.BINDINGS),
            ("Prompt", Prompt.BINDINGS),
            ("A turn (Ctrl+Up goes there)", TurnView.BINDINGS),
            ("Probabilities (p on a turn)", TokenProbabilities.BINDINGS),
            ("Conversations", Sidebar.BINDINGS),
            ("Documents (/ask, /summarize)", [*DocumentScreen.BINDINGS, *CitedAnswer.BINDINGS]),
        ]
        self.push_screen(Help((title, [b for b in bindings if isinstance(b, Binding)]) for title, bindings in groups))

    @property
    def failure(self) -> BaseException | None:
        """The bug that ended the app, if one did."""
        return self._exception

    def _fatal_error(self) -> None:
        """Close without Textual's traceback: it prints local variables, and with them text from outside."""
        self._close_messages_no_wait()

    @on(PasteCut)
    def _paste_cut(self, event: PasteCut) -> None:
        self.notify(f"The paste was too long: {event.dropped:,} of it were left out", markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Selected text, by Textual's own Ctrl+C: the same ways as every other copy."""
        self._clipboard = text
        self.chat.turns.copy(text)

    async def on_unmount(self) -> None:
        self.unsaved = await asyncio.to_thread(self.chat.shutdown)
