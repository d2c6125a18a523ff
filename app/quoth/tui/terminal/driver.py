"""The terminal's driver: Textual's own, which lives through what a terminal may send and a terminal that goes away."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from textual.driver import Driver
from textual.message import Message


@dataclass
class PasteCut(Message):
    """Follows a paste that was longer than the limit: so many bytes (or characters) of it were dropped."""

    dropped: int


DRIVER: type[Driver] | None = None
"""The driver for `App(driver_class=...)`; None is the platform's own."""

if sys.platform != "win32":
    import asyncio
    import os
    import selectors
    import signal
    import termios
    from collections.abc import Iterable
    from contextlib import suppress
    from threading import current_thread
    from time import monotonic, sleep
    from typing import Any, TextIO

    from textual import events
    from textual._xterm_parser import XTermParser
    from textual.app import ScreenStackError
    from textual.drivers.linux_driver import LinuxDriver

    from quoth.errors import Exit
    from quoth.tui.terminal.terminal_input import Pasted, TerminalInput

    READ = 1 << 16
    BACKLOG = 16  # messages; more of them in a row, and nothing else would have its turn

    class LastingFile:
        """The terminal as a file that can go away: what is written then is lost, and nothing waits for it.

        The thread that writes would end with an error, and the app then wait for it forever.
        """

        def __init__(self, file: TextIO) -> None:
            self._file = file
            self.fileno = file.fileno

        def write(self, text: str) -> None:
            with suppress(OSError):
                self._file.write(text)

        def flush(self) -> None:
            with suppress(OSError):
                self._file.flush()

    class QuothDriver(LinuxDriver):
        """Takes pastes out of the bytes, replaces invalid UTF-8, and stops and continues in order."""

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self._file = LastingFile(self._file)  # type: ignore[assignment,arg-type]  # Textual uses no more of it
            self._started = False
            self._keeps_input = False
            self._count = 0

        def run_input_thread(self) -> None:
            """Read the terminal until the app stops."""
            parser, terminal = XTermParser(self._debug), TerminalInput()
            with selectors.SelectSelector() as selector:
                selector.register(self.fileno, selectors.EVENT_READ)
                while not self.exit_event.is_set():
                    if selector.select(terminal.wait(monotonic())):
                        data = self._read()
                        if not data:
                            self._loop.call_soon_threadsafe(lambda: self._app.exit(return_code=Exit.HANGUP))
                            return
                        self._dispatch(parser, terminal.feed(data, monotonic()))
                    self._dispatch(parser, terminal.tick(monotonic()))
                    for message in parser.tick():
                        self.process_message(message)

        def _read(self) -> bytes:
            with suppress(OSError):  # EIO: the terminal is gone
                return os.read(self.fileno, READ)
            return b""

        def _dispatch(self, parser: XTermParser, items: Iterable[str | Pasted]) -> None:
            for item in items:
                if isinstance(item, Pasted):
                    self.process_message(events.Paste(item.text.replace("\x00", "")))
                    if item.dropped:
                        self.process_message(PasteCut(item.dropped))
                    continue
                for message in parser.feed(item):
                    if not isinstance(message, events.Paste):  # it saw the marks alone
                        self.process_message(message)

        def send_message(self, message: Message) -> None:
            """Send a message to the app. A flood waits here and in the terminal: the app draws, and hears a signal."""
            self._sent = asyncio.run_coroutine_threadsafe(self._app._post_message(message), self._loop)
            self._count += current_thread() is self._key_thread
            while self._count >= BACKLOG and not self.exit_event.is_set():
                if self._sent.done() and self._backlog() < BACKLOG:
                    self._count = 0
                else:
                    sleep(0.002)

        def _backlog(self) -> int:
            with suppress(ScreenStackError):
                pumps = (self._app, self._app.screen, self._app.focused)
                return max(pump.message_queue_size for pump in pumps if pump is not None)
            return 0

        # Signals arrive in the middle of anything, a held lock of the writer's queue too: the loop does the work.

        def _sigtstp_application(self, *_: object) -> None:
            if self._auto_restart and self._started:
                self._loop.call_soon_threadsafe(self._stop_process)
            else:  # another program has the terminal, and the loop waits for that
                os.kill(os.getpid(), signal.SIGSTOP)

        def _sigcont_application(self, *_: object) -> None:
            self._loop.call_soon_threadsafe(self._continue)

        def _stop_process(self) -> None:
            if self._started:
                self.suspend_application_mode()
                self._must_signal_resume = True
            os.kill(os.getpid(), signal.SIGSTOP)

        def _continue(self) -> None:
            """Set the terminal up again: a shell has changed it, also when nothing here was told of the stop."""
            if not self._auto_restart:
                return
            if self._started:
                self._keeps_input = True
                try:
                    self.suspend_application_mode()
                finally:
                    self._keeps_input = False
                self._must_signal_resume = True
            self.resume_application_mode()
            self._app.refresh(layout=True)

        def disable_input(self) -> None:
            """Stop reading. What is unread is dropped, or a shell would run it, unless the terminal stays ours."""
            if self.exit_event.is_set():
                return
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            self._disable_mouse_support()
            self.exit_event.set()
            if self._key_thread is not None:
                self._key_thread.join()
            self.exit_event.clear()
            if not self._keeps_input:
                with suppress(termios.error):
                    termios.tcflush(self.fileno, termios.TCIFLUSH)

        def start_application_mode(self) -> None:
            super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual says no types here
            self._started = True

        def stop_application_mode(self) -> None:
            self._started = False
            super().stop_application_mode()

    DRIVER = QuothDriver
