"""A document, of which only the lines in sight are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from quoth.tui.documents.document_rows import Rows, shown

if TYPE_CHECKING:
    from quoth.documents import Document

AT_ONCE = 1_000_000  # characters that are laid out before a place is shown; further ones in slices beside the screen
SLICE_SECONDS = 0.01
SLICES = 1 / 30  # seconds between two slices
ABOVE = 3  # the part of the height, one in three, that stays above a place that is jumped to


class DocumentView(ScrollView, can_focus=True):
    """A document's text with the lines' numbers; `jump` shows a stretch of it and highlights it."""

    DEFAULT_CSS = """
    DocumentView {
        background: $surface; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1;
        &:focus { background-tint: $foreground 5%; }
        & > .document--number { color: $text-muted; }
        & > .document--marked { background: $warning 40%; color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"document--number", "document--marked"}
    ALLOW_SELECT = False

    @dataclass
    class Moved(Message):
        """Another place is looked at: what was jumped to, else what is at the top."""

        place: int  # characters

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, DocumentView.Moved)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.document: Document | None = None
        self.marked = (0, 0)  # characters
        self._rows: Rows | None = None
        self._digits = 0  # of the largest line number
        self._wanted: int | None = None  # a place that is not laid out yet, to be shown above
        self._timer: Timer | None = None
        self._at_mark: int | None = None  # the row at the top since a jump; None once the user has scrolled

    def on_mount(self) -> None:
        self._timer = self.set_interval(SLICES, self._lay_out_more, pause=True)

    def show(self, document: Document) -> None:
        """Show a document from its beginning."""
        self.document = document
        self.marked = (0, 0)
        self._digits = len(str(document.lines.at(len(document.text)))) if document.lines else 0
        self._rows = None
        self._lay_out(0)

    def jump(self, start: int, end: int) -> None:
        """Show and highlight `text[start:end]`."""
        self.marked = (start, end)
        self._go(start, highlighted=True)
        self.refresh()

    def unmark(self) -> None:
        """Highlight nothing."""
        self.marked, self._at_mark = (0, 0), None
        self.refresh()

    @property
    def top(self) -> int:
        """The first character in sight."""
        rows = self._rows
        return rows.start(min(self.scroll_offset.y, len(rows) - 1)) if rows else 0

    # Layout

    def on_resize(self, event: events.Resize) -> None:
        """Fold the lines anew; what was jumped to stays in sight, else what was at the top stays there."""
        at_mark = self._at_mark is not None
        if self.document is not None and (self._rows is None or self._rows.width != self._width):
            self._lay_out(self.marked[0] if at_mark else self.top, highlighted=at_mark)
        elif at_mark:
            self._go(self.marked[0], highlighted=True)

    @property
    def _width(self) -> int:
        """Of the text: before it are the line's number, a mark and a space."""
        return max(2, self.scrollable_content_region.width - self._digits - 2)

    def _lay_out(self, place: int, *, highlighted: bool = False) -> None:
        if self.document is None or not self.scrollable_content_region.width:
            return
        self._rows = Rows(self.document.text, self._width)
        self._go(place, highlighted=highlighted)

    def _go(self, offset: int, *, highlighted: bool = False) -> None:
        rows = self._rows
        self._wanted = offset
        if rows is None:
            return
        while not rows.finished and (rows.done <= offset or len(rows) < 2 * self.size.height) and rows.done < AT_ONCE:
            rows.extend()
        self._arrive(highlighted)
        if self._timer is not None and not rows.finished:
            self._timer.resume()

    def _lay_out_more(self) -> None:
        rows, until = self._rows, monotonic() + SLICE_SECONDS
        while rows is not None and not rows.finished and monotonic() < until:
            rows.extend()
        self._arrive(highlighted=self.marked[1] > 0)
        if self._timer is not None and (rows is None or rows.finished):
            self._timer.pause()

    def _arrive(self, highlighted: bool) -> None:
        """Take in what is laid out, and go to the place that was asked for."""
        rows = self._rows
        if rows is None:
            return
        self.virtual_size = Size(self.scrollable_content_region.width, len(rows))
        if self._wanted is not None and (rows.done > self._wanted or rows.finished):
            row, self._wanted = rows.at(self._wanted), None
            above = self.scrollable_content_region.height // ABOVE if highlighted else 0
            top = max(0, min(row - above, len(rows) - self.scrollable_content_region.height))
            self._at_mark = top if highlighted else None
            self.scroll_to(y=top, animate=False, force=True)
            self._say_moved()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) != self._at_mark:
            self._at_mark = None
        if self._rows:
            self._say_moved()

    def _say_moved(self) -> None:
        self.post_message(self.Moved(self.top if self._at_mark is None else self.marked[0]))

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, base = self.scrollable_content_region.width, self.rich_style
        rows, number = self._rows, self.scroll_offset.y + y
        if self.document is None or rows is None or number >= len(rows):
            return Strip.blank(width, base)
        start, text, lines = rows.start(number), rows.row(number), self.document.lines
        first, last = (min(max(0, edge - start), len(text)) for edge in self.marked)
        line = str(lines.at(start)) if lines and rows.begins_line(number) else ""
        margin = base + self.get_component_rich_style("document--number")
        marked = base + self.get_component_rich_style("document--marked")
        segments = [Segment(f"{line:>{self._digits}}{'▌' if first < last else ' '} ", margin)]
        column = 0
        for part, style in ((text[:first], base), (text[first:last], marked), (text[last:], base)):
            drawn = shown(part, column)
            column += cell_len(drawn)
            segments.append(Segment(drawn, style))
        return Strip(segments).adjust_cell_length(width, base)
