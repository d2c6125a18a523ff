"""The keys that can be pressed now, at the bottom of a screen."""

from __future__ import annotations

from textual.content import Content
from textual.screen import Screen
from textual.style import Style
from textual.widgets import Static


class KeyBar(Static):
    """One line, as Textual's footer has it: a click on a key presses it.

    The footer is made of a widget a key, all of them made again with every change of focus: a layout of the screen
    each time.
    """

    DEFAULT_CSS = """
    KeyBar { dock: bottom; height: 1; text-wrap: nowrap; color: $footer-foreground; background: $footer-background; }
    """
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._show)

    def _show(self, screen: Screen[object]) -> None:
        shown: dict[str, Content] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and binding.action not in shown:
                look = "" if enabled else "dim"
                keys = Content.styled(f" {self.app.get_key_display(binding)} ", f"bold $footer-key-foreground {look}")
                what = Content.styled(f"{binding.description} ", f"$footer-description-foreground {look}")
                press = Style.from_meta({"@click": f"app.simulate_key({binding.key!r})"} if enabled else {})
                shown[binding.action] = (keys + what).stylize(press)
        line = Content("").join(shown.values())
        if line != self.content:
            self.update(line, layout=False)
