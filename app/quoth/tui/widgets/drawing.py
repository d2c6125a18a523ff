"""What makes it cheap to draw an answer while it is written: every piece of it moves all that is in sight."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region, Size
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


class Backdrop(Widget):
    """A container of which every line looks the same, for what is on it: one is drawn, and stands for all.

    Textual draws containers as wide and high as they are before what is on them hides most of it.
    """

    def render_lines(self, crop: Region) -> list[Strip]:
        return super().render_lines(Region(crop.x, crop.y, crop.width, 1)) * crop.height if crop.height else []


class PlainText(Static, Growing):
    """A text within something that grows: its place is new with each layout, its size is not."""

    def __init__(self, text: str | Content = "", *, classes: str | None = None) -> None:
        super().__init__(text, markup=False, classes=classes)
