"""What was said about documents: lines, of which those with places lead there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from quoth.tui.colors import MUTED
from quoth.tui.documents.document_lines import Line

LOOKS = {
    "question": "bold $text-accent",
    "said": "$foreground",
    "quote": "$foreground",
    "notice": f"{MUTED} italic",
    "draft": MUTED,
    "near": "$foreground",
}


class CitedAnswer(OptionList):
    """The arrow keys walk through all lines, Tab through those with places; Enter shows the place."""

    DEFAULT_CSS = """
    CitedAnswer {
        height: 1fr; max-height: 100%; border: none; background: transparent; padding: 0;
        &:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Show the place", id="said.show"),
        Binding("tab", "place(1)", "Next place", show=False, id="said.next"),
        Binding("shift+tab", "place(-1)", "Place before", show=False, id="said.previous"),
    ]

    @dataclass
    class Asked(Message):
        """A line was chosen, for the `nth` time in a row, from 0."""

        line: Line
        nth: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.lines: list[Line] = []
        self._for_now = 0  # how many of the lines, at the end
        self._chosen = (-1, 0)

    def add(self, lines: Iterable[Line]) -> None:
        """Put lines at the end, and scroll there unless the user is walking through them."""
        self._put([*lines, *self.lines[len(self.lines) - self._for_now :]], self._for_now)

    def show_for_now(self, lines: Sequence[Line]) -> None:
        """Put lines below all others, in the place of those that were shown for now before."""
        self._put(lines, len(lines))

    def _put(self, lines: Sequence[Line], for_now: int) -> None:
        """Lines in the place of those that are shown for now; who walks through those stays on the same line."""
        kept, at = len(self.lines) - self._for_now, self.highlighted
        walked = self.lines[at] if at is not None and at >= kept else None
        while self.option_count > kept:
            self.remove_option_at_index(kept)
        self.lines[kept:] = lines
        self._for_now = for_now
        self.add_options([Option(_content(line)) for line in lines])
        if walked is not None:
            self.highlighted = kept + lines.index(walked) if walked in lines else None
        if self.highlighted is None:
            self.scroll_end(animate=False, force=True)

    def begin(self, question: Line) -> None:
        """A new question: the walk through the lines ends."""
        self.highlighted = None
        self._chosen = (-1, 0)
        self.add([question])

    def first_place(self, since: int) -> Line | None:
        """Move to the first of the lines from `since` on that has a place, with line `since` at the top."""
        at = next((i for i in range(since, len(self.lines)) if self.lines[i].spans), None)
        if at is None:
            return None
        self.highlighted = at
        self._chosen = (at, 0)
        self.scroll_to(y=self._index_to_line.get(since, 0), animate=False, force=True)
        return self.lines[at]

    def action_place(self, step: int) -> None:
        """Go to the next line with a place; behind the last one to the next widget."""
        count = len(self.lines)
        at = self.highlighted if self.highlighted is not None else (-1 if step > 0 else count)
        order = range(at + step, count if step > 0 else -1, step)
        found = next((i for i in order if self.lines[i].spans), None)
        if found is not None:
            self.highlighted = found
        elif step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        line, (chosen, nth) = self.lines[event.option_index], self._chosen
        self._chosen = (event.option_index, nth + 1 if chosen == event.option_index else 0)
        if line.spans:
            self.post_message(self.Asked(line, self._chosen[1]))


def _content(line: Line) -> Content:
    content = Content.styled(line.text, LOOKS[line.look])
    if line.places:
        content += Content.styled(f"  [{'; '.join(line.places)}]", "$text-accent")
    return Content.styled("▸ ", "$text-accent") + content if line.spans else content
