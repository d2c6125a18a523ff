"""The conversation as it is shown: only the last part of a long one is laid out."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import cast

from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from quoth.tui.history_writer import PendingId
from quoth.tui.widgets.drawing import Bar, Unpainted
from quoth.tui.widgets.turn_view import TurnView

CHARACTERS = 4_000  # of the turns that are laid out at first, two screens or so; a turn is shown whole or not at all
SCREENS = 1.0  # of turns that stay laid out above the end
MORE = 10_000  # characters of the turns that are added when the user scrolls further up


class Transcript(VerticalScroll, Unpainted, can_focus=False):
    """Turns from the top, the newest last. Earlier ones are laid out when the user scrolls up to them."""

    DEFAULT_CSS = """
    Transcript {
        padding: 0 1;
        .earlier { color: $text-muted; text-align: center; width: 1fr; }
        .dropped { color: $text-warning; text-align: center; width: 1fr; margin-bottom: 1; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._earlier: list[TurnView] = []  # not mounted, the oldest first
        self._loading = False

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        """A new window is another place to scroll to; a new length alone needs no second layout.

        Nor does the scroll bar need to be drawn before the drawing that follows.
        """
        updated = super()._size_updated(size, virtual_size, container_size, layout and size != self.outer_size)
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            if bar.position != bar.drawn:  # a layout moves it without a word while the end is held in sight
                bar._set_dirty()
            self.screen._compositor.update_widgets({bar})
            bar._repaint_required = False
        return updated

    @property
    def vertical_scrollbar(self) -> Bar:
        """Made at its first use, as Textual's own."""
        if self._vertical_scrollbar is None:
            self._vertical_scrollbar = bar = Bar(name="vertical")
            bar.display = False
            self.app._start_widget(self, bar)
        return cast(Bar, self._vertical_scrollbar)

    @property
    def views(self) -> list[TurnView]:
        """The turns that are laid out."""
        return [*self.query(TurnView)]

    def view_of(self, ref: PendingId) -> TurnView | None:
        """A turn, if it is laid out."""
        return next((view for view in self.query(TurnView) if view.ref is ref), None)

    async def show(self, views: Sequence[TurnView], back_to: TurnView | None = None) -> None:
        """Show these turns in place of all others: the last of them, or all from `back_to` on."""
        await self.remove_children()
        self._earlier = [*views]
        shown = self._take(CHARACTERS)
        while back_to in self._earlier:
            shown = [*self._take(MORE), *shown]
        await self.mount_all([Static("", classes="earlier", markup=False), *shown])
        self._say_earlier()
        self.anchor()

    def _take(self, characters: int) -> list[TurnView]:
        """Turns from the end of the earlier ones, at least one."""
        taken: list[TurnView] = []
        while self._earlier and (characters > 0 or not taken):
            view = self._earlier.pop()
            characters -= len(view.turn.text) + 200
            taken.insert(0, view)
        return taken

    def _say_earlier(self) -> None:
        for line in self.query(".earlier").results(Static):
            number = len(self._earlier)
            line.display = bool(number)
            line.update(f"▲ {number:,} earlier {'turn' if number == 1 else 'turns'}: scroll up to see them")

    async def add(self, *widgets: Widget) -> None:
        """Put something at the end. What is far above goes: each line of an answer lays everything out again."""
        await self.trim()
        await self.mount_all(widgets)
        self.anchor()

    async def show_dropped(self, text: str, before: PendingId) -> None:
        """The one line that says what does not fit any more, above a turn."""
        await self.query(".dropped").remove()
        await self.mount(Static(text, classes="dropped", markup=False), before=self.view_of(before))

    async def cut(self, gone: Container[PendingId]) -> None:
        """Take turns away for good, those that are not laid out too; what is left above fills the screen."""
        self._earlier = [view for view in self._earlier if view.ref not in gone]
        await self.remove_children([view for view in self.views if view.ref in gone])
        if not self.views and self._earlier:
            await self.mount_all(self._take(CHARACTERS), after=self.query_one(".earlier"))
        self._say_earlier()

    async def trim(self) -> None:
        """Take away what is far above, while the end is in sight."""
        views, height = self.views, 0
        if not self.is_vertical_scroll_end:
            return
        for i in range(len(views) - 1, 0, -1):
            height += views[i].outer_size.height
            if height > SCREENS * self.size.height and i < len(views) - 1:  # a question stays with its answer
                self._earlier += [fresh(view) for view in views[:i]]
                await self.remove_children(views[:i])
                self._say_earlier()
                break

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < 3 and new_value < old_value and self._earlier and not self._loading:
            self._loading = True
            self.run_worker(self._load_earlier(), group="earlier")

    async def _load_earlier(self) -> None:
        line, before, at = self.query_one_optional(".earlier"), self.virtual_size.height, self.scroll_y

        def stay() -> None:
            self.scroll_to(y=at + self.virtual_size.height - before, animate=False, force=True)

        if line is not None:  # else all turns are being replaced
            await self.mount_all(self._take(MORE), after=line)
            self._say_earlier()
            self.call_after_refresh(stay)
        self._loading = False


def fresh(view: TurnView) -> TurnView:
    """The same turn, not mounted."""
    again = TurnView(view.turn, view.ref, view.version)
    again.logprobs, again.logprobs_by = view.logprobs, view.logprobs_by
    return again
