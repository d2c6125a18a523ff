"""Where questions are written: Enter sends, Ctrl+J breaks the line, Up recalls, Tab completes the names of files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from quoth.tui.commands import BY_NAME, parse

LONG_PASTE = 4096  # characters; a longer paste becomes an attachment
MANY_LINES = 60
OPERAND = re.compile(r"\s@?((?:\\ |\S)*)\Z")  # the last word of a command, spaces in it behind backslashes
MENTION = re.compile(r"(?:\A|\s)@([^@]*)\Z")  # what is behind an @ that begins a word


class Prompt(TextArea):
    """A text area of a few lines."""

    DEFAULT_CSS = """
    Prompt {
        height: auto; min-height: 3; max-height: 10;
        border: round $surface-lighten-2;
        &:focus { border: round $primary; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="prompt.send"),
        Binding("ctrl+j,shift+enter,alt+enter", "break_line", "New line", id="prompt.newline"),
        Binding("tab", "complete", "Complete @file", show=False, id="prompt.complete"),
        Binding("ctrl+g", "screen.edit_prompt", "Editor", show=False, id="prompt.editor"),
    ]

    @dataclass
    class Submitted(Message):
        """Enter was pressed on this text."""

        text: str

    @dataclass
    class LongPaste(Message):
        """More was pasted than a prompt should hold, or the path of a file."""

        text: str

    @dataclass
    class FileNamed(Message):
        """A file name was completed after @, perhaps in place of the one before it."""

        name: str
        instead_of: str = ""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor_blink = False
        self.recallable: list[str] = []  # what was asked before, the oldest first
        self._recalled = 0  # steps back; 0 is the text being written
        self._written = ""
        self._candidates: list[str] = []
        self._candidate = 0

    async def _on_key(self, event: events.Key) -> None:
        """Run the prompt's own bindings here and now.

        A priority binding runs before the characters that were typed ahead of it have arrived, any other one after
        the characters behind it.
        """
        if event.is_printable:
            return
        bound = self.screen.active_bindings.get(event.key)
        if bound is not None and bound.node is self and (bound.binding.id or "").startswith("prompt."):
            event.stop()
            event.prevent_default()
            await self.run_action(bound.binding.action)

    def action_send(self) -> None:
        text = self.text.strip()
        if text:
            self.take()  # at once: what is typed from now on is the next question
            self.post_message(self.Submitted(text))

    def action_break_line(self) -> None:
        self.insert("\n")

    def restore_text(self, text: str) -> None:
        """Put back what was sent and could not be taken, before what was typed since."""
        self.take(f"{text}\n{self.text}" if self.text else text)

    def take(self, text: str = "") -> None:
        """Put a text in, with the cursor behind it."""
        self.load_text(text)
        self.move_cursor(self.document.end)
        self._recalled = 0

    async def _on_paste(self, event: events.Paste) -> None:
        text = event.text
        if len(text) > LONG_PASTE or text.count("\n") > MANY_LINES or dropped_file(text):
            event.stop()
            event.prevent_default()
            self.post_message(self.LongPaste(text))

    # Up and Down recall where the cursor cannot move any further.

    def action_cursor_up(self, select: bool = False) -> None:
        if select or self.cursor_location[0] > 0 or not self._recall(1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        last = self.document.line_count - 1
        if select or self.cursor_location[0] < last or not self._recall(-1):
            super().action_cursor_down(select)

    def _recall(self, step: int) -> bool:
        steps = self._recalled + step
        if not 0 <= steps <= len(self.recallable):
            return False
        if self._recalled == 0:
            self._written = self.text
        self.take(self._written if steps == 0 else self.recallable[-steps])
        self._recalled = steps
        return True

    # File names

    def action_complete(self) -> None:
        """Complete the word after @, or of a command; a second Tab takes the next candidate. Elsewhere Tab moves on."""
        row, column = self.cursor_location
        before_cursor = self.document.get_line(row)[:column]
        command = parse(before_cursor) if row == 0 else None
        in_command = command is not None and command[0] in BY_NAME and BY_NAME[command[0]].names_files
        match = (OPERAND if in_command else MENTION).search(before_cursor)
        if match is None:
            self.screen.focus_next()
            return
        written = match[1]
        word = written.replace("\\ ", " ") if in_command else written
        if word not in self._candidates:
            self._candidates, self._candidate = [*candidates(word)], -1
        if not self._candidates:
            self.app.bell()
            return
        before = self._candidates[self._candidate] if self._candidate >= 0 else ""
        self._candidate = (self._candidate + 1) % len(self._candidates)
        name = self._candidates[self._candidate]
        if in_command:
            self.replace(name.replace(" ", "\\ "), (row, column - len(written)), (row, column))
            return
        self.replace(name, (row, column - len(word)), (row, column))
        self.post_message(self.FileNamed("" if name.endswith(os.sep) else name, before if before != name else ""))


def candidates(word: str, limit: int = 50) -> Iterator[str]:
    """Files and folders whose name begins with the word, folders with a slash behind."""
    folder, name = os.path.split(os.path.expanduser(word))
    try:
        entries = sorted(os.scandir(folder or "."), key=lambda entry: entry.name)
    except OSError:
        return
    found = [entry for entry in entries[: limit * 20] if entry.name.startswith(name)]
    visible = [entry for entry in found if name.startswith(".") or not entry.name.startswith(".")]
    for entry in visible[:limit]:
        path = os.path.join(os.path.dirname(word), entry.name)
        yield path + os.sep if entry.is_dir() else path


def dropped_file(text: str) -> str:
    """The path that a paste is when a file was dropped on the terminal; empty for any other paste."""
    path = path_of(text)
    return path if "\n" not in path and 1 < len(path) < 4096 and os.path.isfile(path) else ""


def path_of(text: str) -> str:
    """A dropped path without the quotes, escapes and file:// that terminals put around it."""
    text = text.strip()
    if text.startswith("file://"):
        return unquote(urlsplit(text).path)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return os.path.expanduser(text.replace("\\ ", " "))
