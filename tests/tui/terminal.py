"""A terminal of its own for a full-screen program: keys go in, pyte shows the screen, bytes are kept. POSIX only."""

from __future__ import annotations

import base64
import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

SECONDS = 30.0  # the longest wait for anything, unless said
KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "shift+tab": "\x1b[Z", "backspace": "\x7f", "space": " ",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "insert": "\x1b[2~", "delete": "\x1b[3~", "shift+enter": "\x1b[13;2u",
    "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "ctrl+up": "\x1b[1;5A",
    "ctrl+down": "\x1b[1;5B", "ctrl+home": "\x1b[1;5H", "ctrl+end": "\x1b[1;5F", "shift+up": "\x1b[1;2A",
}  # fmt: skip
ALTERNATE_SCREEN, LINE_WRAP = 1049, 7
LEFT_ON = {1000: "mouse", 1003: "mouse movement", 1004: "focus", 1006: "mouse", 1015: "mouse", 1016: "mouse pixels",
           ALTERNATE_SCREEN: "alternate screen", 2004: "bracketed paste", 2026: "synchronized output",
           2048: "resize reports"}  # fmt: skip
_KITTY = re.compile(rb"\x1b\[([<>=])[0-9;]*u")  # pyte would draw the "u"
_CLIPBOARD = re.compile(rb"\x1b\]52;[^;\x07\x1b]*;([^\x07\x1b\x9c]*)(?:\x07|\x1b\\)")
_POINTER = re.compile(rb"\x1b\]22;[^\x07\x1b]*\x07")  # the mouse pointer's shape, to pyte a title
_HALF_SEQUENCE = re.compile(rb"\x1b(?:\[[<>=]?[0-9;]*|\][0-9]{0,3};?[a-z]{0,20})?\Z")


class Screen(pyte.Screen):
    """Adds what pyte lacks: the alternate screen, and what the terminal would type in reply."""

    def __init__(self, columns: int, lines: int) -> None:
        self.replies = ""
        self._main: tuple[Any, Any] | None = None
        super().__init__(columns, lines)

    def write_process_input(self, data: str) -> None:
        self.replies += data

    def set_mode(self, *modes: int, **keywords: Any) -> None:
        if ALTERNATE_SCREEN in modes and keywords.get("private") and self._main is None:
            self._main = deepcopy(self.buffer), deepcopy(self.cursor)
            self.erase_in_display(2)
        super().set_mode(*modes, **keywords)

    def reset_mode(self, *modes: int, **keywords: Any) -> None:
        if ALTERNATE_SCREEN in modes and keywords.get("private") and self._main is not None:
            (self.buffer, self.cursor), self._main = self._main, None
            self.dirty.update(range(self.lines))
        super().reset_mode(*modes, **keywords)


def _as_a_shell_starts_programs() -> None:
    """With the terminal as its own, for job control, and no signal ignored: a shell's background jobs ignore two."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """`with Terminal(command, env) as terminal:`, then `press`, `wait_for`; output is read at all times by a thread."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path | None = None,
        *,
        columns: int = 80,
        lines: int = 24,
    ) -> None:
        self._ours, theirs = pty.openpty()
        _set_size(theirs, columns, lines)
        self.attributes = termios.tcgetattr(theirs)
        self._screen = Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._raw = bytearray()
        self._drawn = 0  # bytes that the screen has got
        self._news = threading.Condition()
        self._ended = False
        self.times: list[tuple[float, int]] = []
        """When output came (time.monotonic), and how many bytes there were then."""
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm-256color", "COLORTERM": "truecolor", **env},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_as_a_shell_starts_programs,
        )
        self._theirs = theirs  # kept open: attributes can be read, and what was written last is not lost
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._theirs)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal, as its window: the program gets SIGHUP, and errors when it reads or writes."""
        if not self._ended:
            self._ended = True
            self._reader.join(5)
            os.close(self._ours)

    def _read(self) -> None:
        while not self._ended:
            if not select.select([self._ours], [], [], 0.05)[0]:
                continue
            try:
                data = os.read(self._ours, 1 << 16)
            except OSError as error:
                if error.errno == errno.EIO:  # nobody has the other side open
                    return
                raise
            with self._news:
                self._raw += data
                self.times.append((time.monotonic(), len(self._raw)))
                self._news.notify_all()

    # what goes in

    def feed(self, data: bytes, seconds: float = SECONDS) -> None:
        """Bytes as they are, as fast as the program takes them."""
        end = time.monotonic() + seconds
        while data:
            assert time.monotonic() < end, f"the program did not read: {len(data)} bytes are left"
            if select.select([], [self._ours], [], 0.1)[1]:
                data = data[os.write(self._ours, data[:1024]) :]

    def offer(self, data: bytes) -> None:
        """As many of these bytes as the terminal takes now; the rest is lost."""
        if select.select([], [self._ours], [], 0.01)[1]:
            os.write(self._ours, data[:512])

    def press(self, *keys: str) -> None:
        """Keys by their Textual names ("enter", "ctrl+c", "a"); the escape key waits until it cannot begin another."""
        for key in keys:
            if key.startswith("ctrl+") and len(key) == 6:
                self.feed(bytes([ord(key[5].upper()) & 0x1F]))
            else:
                self.feed(KEYS.get(key, key).encode())
            if key == "escape":
                time.sleep(0.2)

    def type(self, text: str) -> None:
        self.feed(text.encode())

    def paste(self, text: str, seconds: float = SECONDS) -> None:
        """As a terminal pastes: bracketed if the program asked for it, with carriage returns."""
        data = text.replace("\n", "\r").encode()
        self.feed(b"\x1b[200~" + data + b"\x1b[201~" if 2004 in self.modes else data, seconds)

    def resize(self, columns: int, lines: int) -> None:
        with self._news:
            self._draw()
            self._screen.resize(max(1, lines), max(1, columns))
        _set_size(self._ours, columns, lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    # what came out

    @property
    def raw(self) -> bytes:
        """Everything the program wrote."""
        with self._news:
            return bytes(self._raw)

    @property
    def screen(self) -> Screen:
        """The screen after everything that was written so far."""
        with self._news:
            self._draw()
            return self._screen

    def _draw(self) -> None:
        data = bytes(self._raw[self._drawn :])
        if half := _HALF_SEQUENCE.search(data):
            data = data[: half.start()]
        self._drawn += len(data)
        self._stream.feed(_POINTER.sub(b"", _KITTY.sub(b"", data)))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen as a person reads it."""
        return "\n".join(self.lines)

    @property
    def title(self) -> str:
        return str(self.screen.title)

    @property
    def modes(self) -> frozenset[int]:
        """The DEC private modes that are set."""
        return frozenset(mode >> 5 for mode in self.screen.mode if mode >= 32)

    @property
    def keyboard_modes(self) -> int:
        """How many kitty keyboard modes were pushed and not popped."""
        kinds = [kind for kind in _KITTY.findall(self.raw)]
        return kinds.count(b">") - kinds.count(b"<")

    @property
    def clipboard(self) -> list[bytes]:
        """What was written to the clipboard (OSC 52), oldest first."""
        return [base64.b64decode(data) for data in _CLIPBOARD.findall(self.raw)]

    @property
    def left_behind(self) -> list[str]:
        """What a program that has ended forgot to put back; empty is right."""
        found = [name for mode, name in LEFT_ON.items() if mode in self.modes]
        found += ["hidden cursor"] * bool(self.screen.cursor.hidden)
        found += ["no line wrap"] * (LINE_WRAP not in self.modes)
        found += ["keyboard mode"] * (self.keyboard_modes > 0)
        found += ["terminal attributes"] * (termios.tcgetattr(self._theirs) != self.attributes)
        return found

    # waiting

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> float:
        """Wait for a condition; the seconds it took. Fails with the screen."""
        begin = time.monotonic()
        while not condition():
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"{what} did not come within {seconds} s; the screen:\n{self.text}")
            with self._news:
                self._news.wait(0.02)
        return time.monotonic() - begin

    def wait_for(self, text: str, seconds: float = SECONDS) -> float:
        """Wait until a text is on the screen (on one line); the seconds it took."""
        return self.wait_until(lambda: text in self.text, repr(text), seconds)

    def wait_for_no(self, text: str, seconds: float = SECONDS) -> float:
        return self.wait_until(lambda: text not in self.text, f"an end of {text!r}", seconds)

    def wait_quiet(self, quiet: float = 0.3, seconds: float = SECONDS) -> None:
        """Wait until nothing was written for a while."""
        last = [len(self.raw), time.monotonic()]

        def is_quiet() -> bool:
            if (size := len(self.raw)) != last[0]:
                last[:] = [size, time.monotonic()]
            return time.monotonic() - last[1] >= quiet

        self.wait_until(is_quiet, "silence", seconds)

    def end(self, seconds: float = SECONDS) -> int:
        """Wait until the program has ended and all that it wrote is read; its exit code."""
        code = self.process.wait(timeout=seconds)
        self.wait_quiet(0.15)
        return code


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
