"""Every kind of widget with one hostile text in it, for the terminal's tests: `attacked_app.py NAME [unsafe]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.segment import ControlType, Segment
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.content import Content
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import (
    DataTable,
    Footer,
    Header,
    Input,
    Label,
    Markdown,
    OptionList,
    RichLog,
    Static,
    TextArea,
    Tree,
)

from quoth.tui.terminal.driver import DRIVER
from quoth.tui.terminal.safe_filter import SafeFilter
from tests.cli.attacks import ATTACKS

INSIDE = "inside"


class Raw(Widget):
    """Draws strips of its own, as no widget of Textual does: a control segment, a hyperlink, a tab."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width)
        return Strip(
            [
                Segment(self._text, Style(link=f"http://x/{self._text}")),
                Segment(self._text, None, [(ControlType.BELL,)]),
                Segment(f"\t{INSIDE}"),
            ]
        )


class AttackedApp(App[None]):
    CSS = "* { height: auto; max-height: 4; } Screen { overflow: hidden; } Raw { height: 1; }"

    def __init__(self, text: str, *, safe: bool) -> None:
        super().__init__(driver_class=DRIVER)
        self._text = f"<{text}>"
        self._filters_of_ours = [SafeFilter()] if safe else []
        self.title = self._text
        self.sub_title = self._text

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._filters_of_ours]

    def compose(self) -> ComposeResult:
        text = self._text
        yield Header()
        yield Static(text, markup=False)
        yield Label(text, markup=False)
        yield Static(Content(text))
        yield Markdown(f"{text} [link]({text}) `{text}`\n\n```\n{text}\n```\n", open_links=False)
        yield Input(text)
        yield TextArea(text)
        yield OptionList(Content(text))
        yield DataTable()
        yield RichLog()
        yield Tree(Text(text))
        yield Raw(text)
        bordered = Static("a border")
        bordered.styles.border = ("round", "red")
        bordered.border_title = Content(text)
        yield bordered
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_column(Text(self._text))
        table.add_row(Content(self._text))
        self.query_one(RichLog).write(self._text)
        self.notify(self._text, title=self._text, markup=False)


if __name__ == "__main__":
    AttackedApp(ATTACKS[sys.argv[1]], safe="unsafe" not in sys.argv).run()
