"""A small app on the real driver for the terminal's tests: it counts what arrives, and can stream, hang and die."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from textual import events
from textual.app import App, ComposeResult
from textual.filter import LineFilter
from textual.widgets import Static, TextArea

from quoth.tui.terminal.driver import DRIVER, PasteCut
from quoth.tui.terminal.safe_filter import SafeFilter
from quoth.tui.terminal.signals import ending


class SmallApp(App[None]):
    """Shows keys, pastes and a counter; what it does besides is the first argument."""

    BINDINGS = [("ctrl+z", "suspend_process"), ("ctrl+e", "edit")]  # noqa: RUF012  # Textual's own type

    def __init__(self, doing: str) -> None:
        super().__init__(driver_class=DRIVER)
        self._doing = doing
        self._safe = SafeFilter()
        self.keys, self.pasted, self.streamed = 0, [], 0  # type: tuple[int, list[str], int]

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._safe]

    def compose(self) -> ComposeResult:
        yield Static("", id="status", markup=False)
        yield Static("", id="last", markup=False)
        if self._doing == "edit":
            yield TextArea()

    def on_mount(self) -> None:
        self._show("ready")
        if self._doing == "stream":
            self.set_interval(0.005, self._stream)

    def _stream(self) -> None:
        self.streamed += 1
        self._show("streaming")

    def _show(self, word: str) -> None:
        size = f"{self.size.width}x{self.size.height}"
        counts = f"keys={self.keys} pastes={len(self.pasted)} pasted={sum(map(len, self.pasted))}"
        self.query_one("#status", Static).update(f"{word} {counts} size={size} n={self.streamed}")

    def on_key(self, event: events.Key) -> None:
        self.keys += 1
        self._show("key")
        self.query_one("#last", Static).update(f"last key: {event.key} {event.character!r}")
        if event.key == "f2":
            raise RuntimeError("the app itself fails")
        if event.key == "f3":
            time.sleep(60)

    def on_paste(self, event: events.Paste) -> None:
        self.pasted.append(event.text)
        self._show("paste")
        self.query_one("#last", Static).update(f"last paste: {event.text[:20]!r}..{event.text[-20:]!r}")

    def on_paste_cut(self, event: PasteCut) -> None:
        self.query_one("#last", Static).update(f"dropped {event.dropped}")

    def on_resize(self) -> None:
        self._show("resized")

    def action_edit(self) -> None:
        with self.suspend():
            subprocess.run([sys.executable, "-c", "input('an editor ')"], check=True)


async def main(doing: str) -> int:
    app = SmallApp(doing)
    with ending(app, asyncio.get_running_loop()):
        await app.run_async()
    return app.return_code or 0


if __name__ == "__main__":
    code = asyncio.run(main(sys.argv[1]))
    with suppress(OSError):  # the terminal may be gone
        sys.stdout.write(f"left with {code}\n")
        sys.stdout.flush()
    os._exit(code)
