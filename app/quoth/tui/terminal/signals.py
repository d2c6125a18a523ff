"""Signals while the app runs: each ends it in order, with the terminal put back, and the exit code says which."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from textual.app import App

if sys.platform != "win32":
    import termios

ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
RESTORE = (
    b"\x1b[<u"  # kitty's keyboard mode, while the alternate screen is on: each screen has its own
    b"\x1b[?1000l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?2026l\x1b[?2048l"  # focus, pastes, synchronized output, resize reports
    b"\x1b[0m\x1b[?7h\x1b[?1049l\x1b[?25h"  # line wrap, the main screen, the cursor
)
"""Leaves every mode that Textual's driver sets."""


@contextmanager
def ending(app: App[Any], loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """While it lasts a signal makes the app exit with `return_code` 128 + its number; the handlers before come back.

    Enter it in the main thread before the app takes the terminal. A signal that was ignored before (nohup) stays
    ignored. A second one ends the process at once: an app or a terminal that hangs cannot hold it.
    """
    restore, came = _restorer(), False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if not came:
            came = True
            loop.call_soon_threadsafe(lambda: app.exit(return_code=128 + number))
            return
        restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = {number: signal.getsignal(number) for name in ENDING if (number := getattr(signal, name, None))}
    taken = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, old in taken.items():
            signal.signal(number, old)


def _restorer() -> Callable[[], None]:
    """What puts the terminal back as it is now, without the app's help and without waiting for the terminal."""
    if sys.platform == "win32":
        return lambda: None  # consoles have no signals that could end the app half way
    keyboard, screen = 0, 2
    if not (os.isatty(keyboard) and os.isatty(screen)):
        return lambda: None
    attributes = termios.tcgetattr(keyboard)

    def restore() -> None:
        with suppress(OSError, termios.error):  # the terminal is gone, or takes nothing
            termios.tcsetattr(keyboard, termios.TCSANOW, attributes)
            os.set_blocking(screen, False)
            os.write(screen, RESTORE)
        with suppress(OSError):
            os.set_blocking(screen, True)

    return restore
