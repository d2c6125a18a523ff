"""What makes it cheap to draw an answer while it is written: every piece of it moves all that is in sight."""

from __future__ import annotations

from typing import cast

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.layout import DockArrangeResult
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static


class Growing(Widget):
    """A widget that does not ask for a layout because a layout has given it another size.

    Textual lays out the whole screen again then. That settles what depends on a size before it is known: a container
    that scrolls, whose window has changed. What is in it has the same place and size again; scroll bars that come or
    go ask for themselves.
    """

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        return super()._size_updated(size, virtual_size, container_size, layout=False)


class AsHighAsItsContent(Growing):
    """A container whose height is its content's: where its children stand depends on its width alone.

    Textual arranges them twice in each layout, to learn the height and then within it.
    """

    def arrange(self, size: Size, optimal: bool = False) -> DockArrangeResult:
        return super().arrange(size.with_height(0), optimal)


class Backdrop(Widget):
    """A container of which every line looks the same, for what is on it: one is drawn, and stands for all.

    Textual draws containers as wide and high as they are before what is on them hides most of it.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        return super().render_lines(Region(crop.x, crop.y, crop.width, 1)) * crop.height if crop.height else []


class Unpainted(Widget):
    """A container that draws nothing: what it stands on shows."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return []


class DrawnRow(Horizontal, Unpainted):
    """Things beside each other."""


class Column(Vertical, Unpainted):
    """Things on top of each other."""


class Bar(ScrollBar):
    """A vertical scroll bar, which moves with each piece: its lines are of five kinds at most, each drawn once."""

    drawn: float | None = None  # the position that was drawn last

    def render_lines(self, crop: Region) -> list[Strip]:
        segments, strips = self._segments(), dict[int, Strip]()
        background = self.background_colors[1]
        under = Style(bgcolor=background.rich_color)
        for segment in {id(segment): segment for segment in segments}.values():
            strip = Strip([Segment(segment.text, under + segment.style if segment.style else under)], self.size.width)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, background)
            strips[id(segment)] = strip.crop(crop.x, crop.right)
        return [strips[id(segment)] for segment in segments[crop.y : crop.bottom]]

    def _segments(self) -> list[Segment]:
        bar = cast(ScrollBarRender, self.render())
        self.drawn = self.position
        style = cast(Style, bar.style)
        drawn = bar.render_bar(
            size=self.size.height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            thickness=self.size.width,
            back_color=cast(Color, style.bgcolor),
            bar_color=cast(Color, style.color),
        )
        return list(drawn.segments)


class PlainText(Static, Growing):
    """A text within something that grows: its place is new with each layout, its size is not."""

    def __init__(self, text: str | Content = "", *, classes: str | None = None) -> None:
        super().__init__(text, markup=False, classes=classes)
