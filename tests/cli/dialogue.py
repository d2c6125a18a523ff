"""A program on a terminal of its own, with which a test talks as a person would. POSIX only."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

CTRL_C, CTRL_D = "\x03", "\x04"
SECONDS = 60.0  # the longest wait for anything


class Dialogue:
    """`with Dialogue(command, env) as dialogue:`, then `expect` and `send`; `seen` is all that was written so far."""

    def __init__(self, command: Sequence[str], env: dict[str, str], cwd: Path | None = None) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.seen = ""
        self._from = 0  # what was expected and found ends here
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        os.close(theirs)

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def send(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def expect(self, text: str, seconds: float = SECONDS) -> str:
        """What is written up to and with a text, from the end of the text expected last."""
        until = time.monotonic() + seconds
        while (at := self.seen.find(text, self._from)) < 0:
            if not self._read(until - time.monotonic()):
                raise AssertionError(f"{text!r} did not come; seen: {self.seen[self._from :]!r}")
        written, self._from = self.seen[self._from : at + len(text)], at + len(text)
        return written

    def end(self) -> tuple[str, int]:
        """What is written until the program ends, and its exit code."""
        until = time.monotonic() + SECONDS
        while self._read(until - time.monotonic()):
            continue
        return self.seen[self._from :], self.process.wait(timeout=SECONDS)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, seconds))[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the last one that had it open has ended
                return False
            raise
        self.seen += data.decode("utf-8", "replace")
        return bool(data)
