"""The bytes of a file or a pipe, whole and in pieces, within a limit."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from quoth.errors import InputError
from quoth.text.decoding import HEAD

CHUNK = 256 * 1024  # bytes; at least HEAD, so that the first chunk shows what a file is
_GZIP = b"\x1f\x8b\x08"


def open_file(path: str) -> BinaryIO:
    """A file for reading. Raises InputError for what is none, with its reason."""
    if not path or "\0" in path:
        raise InputError(f"{path!r} names no file")
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise InputError(f"{path} is a folder")
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read", error.strerror or str(error)) from None


def steady_chunks(stream: BinaryIO, name: str, limit: int) -> list[bytes]:
    """A file's bytes as one moment saw them: read again once when it changes. Raises InputError if it goes on."""
    for _ in range(2):
        before = _state(stream)
        chunks = read_chunks(stream, name, limit)
        if before is None or before == _state(stream):
            return chunks
        stream.seek(0)
    raise InputError(f"{name} changes while it is read", try_="Wait until it is written, or pass a copy")


def _state(stream: BinaryIO) -> tuple[int, int] | None:
    """Size and time of the last change of a regular file."""
    status = os.fstat(stream.fileno())
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def read_chunks(stream: BinaryIO, name: str, limit: int) -> list[bytes]:
    """All bytes to the end of a stream, gzip unpacked. Raises InputError above the limit and for a broken gzip."""
    raw = _raw(stream, name)
    first = next(raw, b"")
    source = _unpacked(first, raw, name) if first.startswith(_GZIP) else _chained(first, raw)
    chunks: list[bytes] = []
    size = 0
    for chunk in source:
        size += len(chunk)
        if size > limit:
            raise InputError(f"{name} is too long", f"more than {_size(limit)}")
        if not chunks and not any(chunk[:HEAD]) and chunk:
            raise InputError(f"{name} looks binary", "it begins with NUL bytes only", "Pass text instead")
        chunks.append(chunk)
    return chunks


def _raw(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Full chunks: a pipe gives what it has, the first look at a file wants its first 8 KB."""
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            part = stream.read(CHUNK - size)
        except OSError as error:
            raise InputError(f"{name} cannot be read", error.strerror or str(error)) from None
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _unpacked(first: bytes, rest: Iterator[bytes], name: str) -> Iterator[bytes]:
    """What gzip data unpacks to, several members too (RFC 1952); never more than one chunk at a time."""
    member = zlib.decompressobj(wbits=31)
    try:
        for packed in _chained(first, rest):
            while packed:
                yield member.decompress(packed, CHUNK)
                packed = member.unconsumed_tail
                if member.eof:
                    packed = member.unused_data
                    if not packed.startswith(_GZIP[:2]):  # zeros that pad a tape, or rubbish
                        packed = b""
                    else:
                        member = zlib.decompressobj(wbits=31)
    except zlib.error:
        raise InputError(f"{name} cannot be unpacked", "its gzip data is damaged", "Fetch it again") from None
    if not member.eof:
        raise InputError(f"{name} is cut short", "the end of its gzip data is missing", "Fetch it again")


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count} bytes"
