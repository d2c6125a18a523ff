"""What grows while an answer is written: one layout for each piece of text in place of two."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static


class Growing(Widget):
    """A widget that does not ask for a layout because its content has become longer.

    Textual lays out the whole screen again whenever a layout has given a widget another size. That settles what
    depends on a size before it is known: a container that scrolls, in a place that has changed. Here the second
    layout gives the same as the first, unless the width is new; scroll bars that come or go ask for one themselves.
    """

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        return super()._size_updated(size, virtual_size, container_size, layout and size.width != self.outer_size.width)


class PlainText(Static, Growing):
    """A text within something that grows: its place is new with each layout, its size is not."""

    def __init__(self, text: str | Content = "", *, classes: str | None = None) -> None:
        super().__init__(text, markup=False, classes=classes)
