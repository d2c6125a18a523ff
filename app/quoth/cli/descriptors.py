"""Reading and writing descriptors, also ones that do not block, are closed, or whose other end has gone."""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from typing import Protocol


class DescriptorReader(Protocol):
    """A source of bytes: None means none yet, b"" the end."""

    def read(self, size: int, /) -> bytes | None: ...

    def readline(self) -> bytes: ...


class DescriptorWriter(Protocol):
    """An unbuffered sink of bytes: None means no room yet."""

    def write(self, data: memoryview, /) -> int | None: ...


def read(stream: DescriptorReader, size: int) -> bytes:
    """Up to `size` bytes; none only at the end."""
    while (chunk := stream.read(size)) is None:
        _wait(stream, writing=False)
    return chunk


def write(stream: DescriptorWriter, data: bytes) -> None:
    """Write every byte."""
    rest = memoryview(data)
    while rest:
        written = stream.write(rest)
        if written is None:
            _wait(stream, writing=True)
        else:
            rest = rest[written:]


def number(stream: object) -> int:
    """The descriptor of a stream. Raises OSError if it has none."""
    fileno = getattr(stream, "fileno", None)
    if fileno is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return int(fileno())


def file_size(stream: object) -> int | None:
    """Bytes that are left of a regular file; None for everything else."""
    try:
        descriptor = number(stream)
        status = os.fstat(descriptor)
        return status.st_size - os.lseek(descriptor, 0, os.SEEK_CUR) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None


def redirect_to_null(stream: object) -> None:
    """Discard whatever is still written to the descriptor of a stream."""
    try:
        descriptor = number(stream)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)
    except OSError:
        return  # no descriptor, so nothing is flushed to it when the process ends


def fill_closed() -> None:
    """Open the null device on each of descriptors 0, 1 and 2 that is closed, so that no file gets its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def is_closed_pipe(error: OSError) -> bool:
    """Whether an error says that the reader of a pipe has gone. Windows answers EINVAL then."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _wait(stream: object, *, writing: bool) -> None:
    """Wait until a stream that does not block has room, or bytes."""
    try:
        descriptors = [number(stream)]
        select.select([] if writing else descriptors, descriptors if writing else [], [], 1.0)
    except (OSError, ValueError):
        time.sleep(0.01)  # Windows waits for sockets only, and select for no descriptor above 1,023
