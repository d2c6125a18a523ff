"""A terminal for tests: a program runs on a pseudo-terminal, and pyte shows what a person would see."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

COLUMNS, LINES = 80, 24


@dataclass(frozen=True)
class State:
    """What text must not change, and what it shows."""

    title: str
    icon: str
    modes: frozenset[int]
    margins: object
    charsets: tuple[object, ...]
    hidden: bool
    styled: bool
    replies: str
    shown: tuple[str, ...]
    cursor: tuple[int, int]


class _Screen(pyte.Screen):
    """A screen that keeps what the terminal would type in reply."""

    def __init__(self) -> None:
        self.replies = ""
        super().__init__(COLUMNS, LINES)

    def write_process_input(self, data: str) -> None:
        self.replies += data


def look(data: bytes) -> State:
    """The state of a fresh terminal after these bytes."""
    screen = _Screen()
    pyte.ByteStream(screen).feed(data)
    styles = {(c.fg, c.bg, c.bold, c.reverse) for row in screen.buffer.values() for c in row.values()}
    return State(
        title=screen.title,
        icon=screen.icon_name,
        modes=frozenset(screen.mode),
        margins=screen.margins,
        charsets=(screen.charset, screen.g0_charset, screen.g1_charset),
        hidden=screen.cursor.hidden,
        styled=styles > {("default", "default", False, False)} or screen.cursor.attrs.fg != "default",
        replies=screen.replies,
        shown=tuple(line.rstrip() for line in screen.display),
        cursor=(screen.cursor.y, screen.cursor.x),
    )


def run_on_terminal(
    command: Sequence[str], *, env: dict[str, str], cwd: Path, stdin: bytes | None = b"", stdout: int | None = None
) -> tuple[bytes, int]:
    """What a program writes to a terminal (standard output, unless given, and standard error), and its exit code.

    Standard input is a pipe with these bytes, or the terminal if None.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=theirs if stdin is None else subprocess.PIPE,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        env=env,
        cwd=cwd,
    )
    os.close(theirs)
    if process.stdin is not None:
        process.stdin.write(stdin or b"")
        process.stdin.close()
    written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return written, process.wait(timeout=30)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # the last one that had it open has ended
            return b""
        raise
