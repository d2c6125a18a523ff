"""Every key and every command, made from the bindings and the command table themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from quoth.tui.colors import MUTED
from quoth.tui.commands import COMMANDS


class Help(ModalScreen[None]):
    """A page to read."""

    DEFAULT_CSS = """
    Help {
        align: center middle;
        VerticalScroll {
            width: 90%; max-width: 100; height: 90%;
            border: round $primary; background: $surface; padding: 1 2;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1", "dismiss(None)", "Back")]

    def __init__(self, groups: Iterable[tuple[str, Iterable[Binding]]]) -> None:
        super().__init__()
        self._groups = [(title, [*bindings]) for title, bindings in groups]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self._text(), markup=False)

    def _text(self) -> Content:
        lines: list[Content] = []
        for title, bindings in self._groups:
            lines.append(Content.styled(title, "bold"))
            for binding in bindings:
                keys = ", ".join(self.app.get_key_display(each) for each in binding.make_bindings([binding]))
                lines.append(_row(keys, binding.description, binding.id or ""))
            lines.append(Content(""))
        lines.append(Content.styled("Commands, typed as a prompt", "bold"))
        lines += [_row(f"/{command.name} {command.argument}".strip(), command.help, "") for command in COMMANDS]
        lines += [
            Content(""),
            Content.styled("Keys can be changed in the file config.toml: the table [keys], for example", MUTED),
            Content.styled('  [keys]\n  "prompt.newline" = "ctrl+n"', MUTED),
        ]
        return Content("\n").join(lines)


def _row(left: str, middle: str, right: str) -> Content:
    return Content.assemble((f"  {left:<19} ", "$text-accent"), (f"{middle:<16} ", "$text"), (right, MUTED))
