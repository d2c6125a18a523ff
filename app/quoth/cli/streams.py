"""The only module that touches standard input, output and error.

The answer goes to standard output, notices to standard error. Both are UTF-8 whatever the locale says, and unbuffered,
so that the interpreter has nothing to flush, and no error to print, when it ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO, cast

from quoth.cli import descriptors
from quoth.cli.descriptors import DescriptorReader, DescriptorWriter
from quoth.cli.progress import Progress
from quoth.errors import InputError, QuothError, StorageError
from quoth.text import Cleaner, clean, one_line

_LINE = 4000  # characters of one notice
_CHUNK = 65536  # bytes


class PipeClosed(Exception):
    """The reader of the answer has gone: end without a message."""


class Streams:
    """Standard input, output and error, whether each is a terminal, and the environment that says how to write.

    A stream that is closed is None.
    """

    def __init__(
        self,
        stdin: DescriptorReader | None,
        stdout: DescriptorWriter | None,
        stderr: DescriptorWriter | None,
        *,
        stdin_isatty: bool = False,
        stdout_isatty: bool = False,
        stderr_isatty: bool = False,
        environment: Mapping[str, str] = os.environ,
        quiet: bool = False,
        raw: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdin_isatty = stdin_isatty
        self.stdout_isatty = stdout_isatty
        self.stderr_isatty = stderr_isatty
        self.environment = environment
        self.quiet = quiet
        self.raw = raw  # off a terminal, control codes in the answer pass
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._clock = clock
        self._cleaner = Cleaner()
        self._newlines = 0  # held back: those at the end of an answer become one
        self._wrote = False  # something of this answer
        self._midline = False  # the last thing on standard output was not a newline
        self._failed = False
        self._progress: Progress | None = None  # made when it is first used: quiet is known then

    @classmethod
    def of_process(cls) -> Streams:
        """The streams of this process. The null device takes the place of those that are closed."""
        standard = (sys.stdin, sys.stdout, sys.stderr)
        if None in standard:
            descriptors.fill_closed()
        stdin_isatty, stdout_isatty, stderr_isatty = (stream is not None and stream.isatty() for stream in standard)
        stdin, stdout, stderr = (None if stream is None else stream.buffer for stream in standard)
        return cls(
            stdin,
            getattr(stdout, "raw", stdout),
            getattr(stderr, "raw", stderr),
            stdin_isatty=stdin_isatty,
            stdout_isatty=stdout_isatty,
            stderr_isatty=stderr_isatty,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal, 80 if unknown."""
        columns = self.environment.get("COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return int(columns)
        for stream in (self._stderr, self._stdout):
            try:
                return os.get_terminal_size(descriptors.number(stream)).columns or 80
            except OSError:
                continue
        return 80

    @property
    def progress(self) -> Progress:
        """The progress line: drawn on standard error, only if that is a terminal."""
        if self._progress is None:
            capable = self.environment.get("TERM", "" if os.name == "nt" else "dumb") != "dumb"
            draws = self.stderr_isatty and capable and not self.quiet
            self._progress = Progress(self._draw if draws else None, lambda: self.width, self._clock)
        return self._progress

    def read_stdin(self, limit: int) -> bytes | None:
        """All of standard input; None if it is a terminal or closed.

        Raises InputError beyond `limit` bytes, without reading on, or if it cannot be read.
        """
        if self._stdin is None or self.stdin_isatty:
            return None
        size = descriptors.file_size(self._stdin)
        if size is not None and size > limit:
            raise _too_long(f"{size:,} bytes long", limit)
        chunks: list[bytes] = []
        room = limit + 1
        try:
            while room and (chunk := descriptors.read(self._stdin, min(room, _CHUNK))):
                chunks.append(chunk)
                room -= len(chunk)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError("standard input cannot be read", reason, "Pass a file with -f FILE") from error
        if not room:
            raise _too_long(f"longer than {limit:,} bytes", limit)
        return b"".join(chunks)

    def stdin(self) -> BinaryIO:
        """Standard input itself. Raises InputError if it is closed."""
        if self._stdin is None:
            raise InputError("standard input is closed", "", "Name a file")
        return cast(BinaryIO, self._stdin)

    def read_line(self, question: str) -> str | None:
        """One line that the user types, without its end; None at the end of the input or off a terminal."""
        if self._stdin is None or not self.stdin_isatty:
            return None
        self._clear_progress()
        self._talk(one_line(question, _LINE) + " ")
        line = self._stdin.readline().decode("utf-8", "replace")
        if not line:
            self._talk("\n")
        return line.rstrip("\r\n") if line else None

    def read_terminal(self) -> bytes:
        """What the user types until Ctrl-D, on Windows Ctrl-Z; nothing off a terminal."""
        if self._stdin is None or not self.stdin_isatty:
            return b""
        self._clear_progress()
        return b"".join(iter(self._stdin.readline, b""))

    def require_stdout(self) -> DescriptorWriter:
        """Standard output; raises StorageError if it is closed, before time is spent on an answer."""
        if self._stdout is None:
            self._failed = True
            raise StorageError("standard output is closed", "", "Send the answer to a file, a pipe or a terminal")
        return self._stdout

    def answer(self, text: str) -> None:
        """Write a piece of the answer at once, without control codes.

        Raises PipeClosed if its reader has gone, StorageError if it cannot be written.
        """
        self._write(text if self.raw and not self.stdout_isatty else self._cleaner.feed(text))

    def finish(self) -> None:
        """End the answer with exactly one newline; an answer without text writes nothing."""
        self._write(self._cleaner.flush())
        if self._wrote:
            self._send("\n")
        count = self._cleaner.count
        self._cleaner, self._newlines, self._wrote = Cleaner(), 0, False
        if count and not self._failed:
            codes = "1 control code was" if count == 1 else f"{count:,} control codes were"
            self.say(f"{codes} removed from the answer" + ("" if self.stdout_isatty else " (--raw keeps them)"))

    def print(self, text: str) -> None:
        """Write a whole answer."""
        self.answer(text)
        self.finish()

    def interrupt(self) -> None:
        """End the answer so far, and the line on which the terminal has echoed Ctrl-C."""
        self._clear_progress()
        wrote = self._wrote
        self.finish()
        if not wrote and self.stdin_isatty and self.stderr_isatty:
            self._talk("\n")

    def say(self, text: str) -> None:
        """Write a notice of one line, unless --quiet."""
        if not self.quiet:
            self._line(f"quoth: {one_line(text, _LINE)}")

    def error(self, error: QuothError) -> None:
        """Write the one line of an error."""
        self._line(f"quoth: error: {one_line(str(error), _LINE)}")

    def traceback(self) -> None:
        """Write the traceback of the error that is being handled."""
        import traceback

        self._line(clean(traceback.format_exc().rstrip())[0])

    def silence_stdout(self) -> None:
        """Discard all further output, also what the interpreter flushes when it ends."""
        self._failed = True
        descriptors.redirect_to_null(self._stdout)

    def _write(self, text: str) -> None:
        body = text.rstrip("\n")
        if body:
            self._wrote = True
            self._send("\n" * self._newlines + body)
            self._newlines = 0
        self._newlines += len(text) - len(body)

    def _send(self, text: str) -> None:
        if self._failed:
            return
        stdout = self.require_stdout()
        self._clear_progress()
        self._midline = not text.endswith("\n")
        try:
            descriptors.write(stdout, text.encode("utf-8", "replace"))
        except OSError as error:
            self.silence_stdout()
            if descriptors.is_closed_pipe(error):
                raise PipeClosed from None
            reason = error.strerror or str(error)
            raise StorageError("standard output cannot be written", reason, "Send the answer elsewhere") from error

    def _line(self, text: str) -> None:
        self._clear_progress()
        if self._is_on_answer_line:
            text = "\n" + text
            self._midline = False
        self._talk(text + "\n")

    @property
    def _is_on_answer_line(self) -> bool:
        return self._midline and self.stdout_isatty and self.stderr_isatty

    def _draw(self, text: str) -> None:
        if not self._is_on_answer_line:
            self._talk(text)

    def _clear_progress(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    def _talk(self, text: str) -> None:
        if self._stderr is None:
            return
        try:
            descriptors.write(self._stderr, text.encode("utf-8", "replace"))
        except OSError:
            self._stderr = None  # its reader has gone, and there is nowhere to say so


def _too_long(length: str, limit: int) -> InputError:
    why, hint = f"at most {limit:,} are read", "Raise the limit with --max-input BYTES"
    return InputError(f"standard input is {length}", why, hint)
