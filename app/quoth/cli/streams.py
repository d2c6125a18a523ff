"""The only module that touches standard input, output and error.

Standard output is the answer, standard error is talk. Both are UTF-8 whatever the locale says, and nothing is left in
a buffer, so that the interpreter has nothing to flush, and no error to print, when it ends.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Mapping
from typing import Protocol

from quoth.cli.progress import Progress
from quoth.errors import Exit, InputError, QuothError, StorageError
from quoth.text import Cleaner, sane

MAX_INPUT = 8 * 1024 * 1024
"""Bytes of standard input that are read unless `--max-input` says otherwise."""

_LINE = 4000  # characters of one line of talk
_CHUNK = 65536  # bytes


class Reader(Protocol):
    """Where bytes come from: None from `read` means that there are none yet."""

    def read(self, size: int = ..., /) -> bytes | None: ...


class Writer(Protocol):
    """Where bytes go, unbuffered: None from `write` means that there is no room yet."""

    def write(self, data: memoryview, /) -> int | None: ...


class PipeClosed(Exception):
    """Who read the answer has gone: leave without a word."""

    exit_code = Exit.PIPE_CLOSED


class Streams:
    """Standard input, output and error, whether each is a terminal, and the environment that decides how to write.

    A stream that is closed is None.
    """

    def __init__(
        self,
        stdin: Reader | None,
        stdout: Writer | None,
        stderr: Writer | None,
        *,
        stdin_isatty: bool = False,
        stdout_isatty: bool = False,
        stderr_isatty: bool = False,
        environment: Mapping[str, str] | None = None,
        width: int | None = None,
        quiet: bool = False,
        raw: bool = False,
    ) -> None:
        self.stdin_isatty = stdin_isatty
        self.stdout_isatty = stdout_isatty
        self.stderr_isatty = stderr_isatty
        self.environment = os.environ if environment is None else environment
        self.quiet = quiet
        self.raw = raw  # off a terminal, control codes in the answer pass
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self._fixed_width = width
        self._cleaner = Cleaner()
        self._newlines = 0  # held back: the last ones of an answer become one
        self._wrote = False  # something of this answer
        self._midline = False  # the last thing on standard output was not a newline
        self._failed = False
        self._progress: Progress | None = None

    @classmethod
    def of_process(cls, *, quiet: bool = False, raw: bool = False) -> Streams:
        """The streams of this process; /dev/null takes the place of closed ones, so that no file gets their number."""
        standard = (sys.stdin, sys.stdout, sys.stderr)
        terminals = [stream is not None and stream.isatty() for stream in standard]
        if None in standard:
            _fill_descriptors()
        reader, writer, talk = (None if stream is None else stream.buffer for stream in standard)
        return cls(
            reader,
            getattr(writer, "raw", writer),
            getattr(talk, "raw", talk),
            stdin_isatty=terminals[0],
            stdout_isatty=terminals[1],
            stderr_isatty=terminals[2],
            quiet=quiet,
            raw=raw,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal, 80 if nobody knows."""
        if self._fixed_width:
            return self._fixed_width
        columns = self.environment.get("COLUMNS", "")
        if columns.isdecimal() and int(columns):
            return int(columns)
        for stream in (self._stderr, self._stdout):
            try:
                return os.get_terminal_size(_fileno(stream)).columns or 80
            except OSError:
                continue
        return 80

    @property
    def color(self) -> bool:
        """Whether escape codes of our own may go to standard output."""
        return self.stdout_isatty and not self.environment.get("NO_COLOR") and self._has_capable_terminal

    @property
    def progress(self) -> Progress:
        """The progress line: drawn on standard error, only if that is a terminal."""
        if self._progress is None:
            draws = self.stderr_isatty and self._stderr is not None and self._has_capable_terminal and not self.quiet
            self._progress = Progress(self._talk if draws else None, lambda: self.width)
        return self._progress

    @property
    def _has_capable_terminal(self) -> bool:
        return self.environment.get("TERM", "" if os.name == "nt" else "dumb") != "dumb"

    def read_stdin(self, limit: int = MAX_INPUT) -> bytes | None:
        """All of standard input, or None if it is a terminal or closed. Waits for who writes it.

        Raises InputError beyond `limit` bytes, without reading on, or if it cannot be read.
        """
        if self._stdin is None or self.stdin_isatty:
            return None
        size = _file_size(self._stdin)
        if size is not None and size > limit:
            raise _too_long(f"{size:,} bytes long", limit)
        chunks: list[bytes] = []
        room = limit + 1
        try:
            while room and (chunk := _read(self._stdin, min(room, _CHUNK))):
                chunks.append(chunk)
                room -= len(chunk)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError("standard input cannot be read", reason, "Pass a file with -f FILE") from error
        if not room:
            raise _too_long(f"longer than {limit:,} bytes", limit)
        return b"".join(chunks)

    def require_stdout(self) -> None:
        """Raise StorageError if there is nowhere to write an answer, before time is spent on one."""
        if self._stdout is None:
            raise StorageError("standard output is closed", "", "Send it to a file, a pipe or a terminal")

    def answer(self, text: str) -> None:
        """Write a piece of the answer at once, without control codes.

        Raises PipeClosed if nobody reads it any more, StorageError if it cannot be written.
        """
        self._write(text if self._passes_raw else self._cleaner.feed(text))

    def finish(self) -> None:
        """End the answer: its last newlines become exactly one; an answer without text leaves no byte."""
        if not self._passes_raw:
            self._write(self._cleaner.flush())
        count, self._cleaner, self._newlines = self._cleaner.count, Cleaner(), 0
        if self._wrote:
            self._send("\n")
        self._wrote = False
        if count:
            codes = "1 control code was" if count == 1 else f"{count:,} control codes were"
            self.say(f"{codes} removed from the answer" + ("" if self.stdout_isatty else " (--raw keeps them)"))

    def say(self, text: str) -> None:
        """One line of talk, unless --quiet."""
        if not self.quiet:
            self._line(f"quoth: {sane(text, _LINE)}")

    def error(self, error: QuothError) -> None:
        """The one line that an error gets."""
        self._line(f"quoth: error: {sane(str(error), _LINE)}")

    def silence_stdout(self) -> None:
        """Let whatever still goes to standard output vanish, also what the interpreter flushes when it ends."""
        self._failed = True
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, _fileno(self._stdout))
            os.close(null)
        except OSError:
            return  # not a descriptor of the process: nothing will be flushed

    @property
    def _passes_raw(self) -> bool:
        return self.raw and not self.stdout_isatty

    def _write(self, text: str) -> None:
        body = text.rstrip("\n")
        if body:
            self._send("\n" * self._newlines + body)
            self._wrote = True
            self._newlines = 0
        self._newlines += len(text) - len(body)

    def _send(self, text: str) -> None:
        if self._failed:
            return
        self.require_stdout()
        assert self._stdout is not None
        if self._progress is not None:
            self._progress.clear()
        try:
            _write_all(self._stdout, text.encode("utf-8", "replace"))
        except OSError as error:
            self.silence_stdout()
            if _is_closed_pipe(error):
                raise PipeClosed from None
            reason = error.strerror or str(error)
            raise StorageError("standard output cannot be written", reason, "Send the answer elsewhere") from error
        self._midline = not text.endswith("\n")

    def _line(self, text: str) -> None:
        if self._progress is not None:
            self._progress.clear()
        shares_line = self._midline and self.stdout_isatty and self.stderr_isatty
        self._midline = self._midline and not shares_line
        self._talk(("\n" if shares_line else "") + text + "\n")

    def _talk(self, text: str) -> None:
        if self._stderr is None:
            return
        try:
            _write_all(self._stderr, text.encode("utf-8", "replace"))
        except OSError:
            self._stderr = None  # nobody listens, and there is nowhere to say so


def _read(stream: Reader, size: int) -> bytes:
    """Up to `size` bytes, none only at the end, also from a descriptor that does not block."""
    while (chunk := stream.read(size)) is None:
        _wait(stream, writing=False)
    return chunk


def _write_all(stream: Writer, data: bytes) -> None:
    """Write every byte, also to a descriptor that does not block."""
    rest = memoryview(data)
    while rest:
        written = stream.write(rest)
        if written is None:
            _wait(stream, writing=True)
        else:
            rest = rest[written:]


def _wait(stream: Reader | Writer, *, writing: bool) -> None:
    """Until a stream that does not block has room, or bytes."""
    import select

    descriptors = [_fileno(stream)]
    try:
        select.select([] if writing else descriptors, descriptors if writing else [], [], 1.0)
    except (OSError, ValueError):
        time.sleep(0.01)  # Windows waits for sockets only; no descriptor over 1,023 elsewhere


def _fileno(stream: object) -> int:
    """The descriptor of a stream. Raises OSError if it has none."""
    fileno = getattr(stream, "fileno", None)
    if fileno is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    number = fileno()
    assert isinstance(number, int)
    return number


def _file_size(stream: Reader) -> int | None:
    """Bytes that are left of a regular file; None for everything else."""
    try:
        descriptor = _fileno(stream)
        status = os.fstat(descriptor)
        return status.st_size - os.lseek(descriptor, 0, os.SEEK_CUR) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None


def _too_long(length: str, limit: int) -> InputError:
    return InputError(f"standard input is {length}", f"at most {limit:,} are read", "Raise it with --max-input BYTES")


def _is_closed_pipe(error: OSError) -> bool:
    # Windows answers EINVAL for a pipe whose reader has gone.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _fill_descriptors() -> None:
    """Open /dev/null on each of descriptors 0, 1 and 2 that is closed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
