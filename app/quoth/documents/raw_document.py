"""The bytes of a file or a pipe: read within a limit, gzip unpacked, handed to one reader."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from quoth.documents.encodings import DecodedText, decode_chunks, first_bytes
from quoth.errors import InputError
from quoth.text.decoding import HEAD
from quoth.text.units import format_size

if TYPE_CHECKING:
    from quoth.documents.formats.zip_archive import ZipArchive

CHUNK = 256 * 1024  # bytes; at least HEAD, so that the first chunk shows what a file is
_GZIP = b"\x1f\x8b\x08"


class RawDocument:
    """A document as bytes, which `data` and `text` hand over once. `limit` is the most bytes that it may unpack to."""

    def __init__(self, name: str, chunks: list[bytes], limit: int) -> None:
        self.name = name  # as shown: the path as given, or "stdin"
        self.limit = limit
        self._chunks = chunks

    @cached_property
    def head(self) -> bytes:
        """Its first HEAD bytes."""
        return first_bytes(self._chunks)

    @cached_property
    def archive(self) -> ZipArchive:
        """Its members, if it is a zip file. Raises InputError for a damaged one."""
        from quoth.documents.formats.zip_archive import ZipArchive

        return ZipArchive(self.data(), self.name, self.limit)

    def data(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data

    def text(self, declared: str = "") -> DecodedText:
        """All text; `declared` is the encoding that it says it has. Raises InputError for binary data."""
        return decode_chunks(self._chunks, self.name, declared=declared)


def open_file(path: str) -> BinaryIO:
    """A file for reading. Raises InputError."""
    if not path or "\0" in path:
        raise InputError(f"{path!r} names no file")
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise InputError(f"{path} is a folder")
        return open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", "", "Check the name") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read", error.strerror or str(error)) from None


def steady_chunks(stream: BinaryIO, name: str, limit: int) -> list[bytes]:
    """A file's bytes as one moment saw them: read again once if it changes. Raises InputError if it keeps changing."""
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
    full = _full_chunks(stream, name)
    first = next(full, b"")
    source = chain((first,) if first else (), full)
    chunks: list[bytes] = []
    size = 0
    for chunk in _unpacked(source, name) if first.startswith(_GZIP) else source:
        size += len(chunk)
        if size > limit:
            raise InputError(f"{name} is too long", f"more than {format_size(limit)}")
        if not chunks and not any(chunk[:HEAD]) and chunk:
            raise InputError(f"{name} looks binary", "it begins with NUL bytes only", "Pass text instead")
        chunks.append(chunk)
    return chunks


def _full_chunks(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Chunks of CHUNK bytes, as a buffered stream gives them of a slow pipe too: the first shows what a file is."""
    try:
        while chunk := stream.read(CHUNK):
            yield chunk
    except OSError as error:
        raise InputError(f"{name} cannot be read", error.strerror or str(error)) from None


def _unpacked(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """What gzip data unpacks to, several members too (RFC 1952); never more than one chunk at a time."""
    member = zlib.decompressobj(wbits=31)
    try:
        for packed in chunks:
            while packed:
                yield member.decompress(packed, CHUNK)
                packed = member.unconsumed_tail
                if member.eof:
                    packed = member.unused_data
                    if packed.startswith(_GZIP[:2]):
                        member = zlib.decompressobj(wbits=31)
                    else:  # zeros that pad a tape, or garbage
                        packed = b""
    except zlib.error:
        raise InputError(f"{name} cannot be unpacked", "its gzip data is damaged", "Fetch it again") from None
    if not member.eof:
        raise InputError(f"{name} is cut short", "the end of its gzip data is missing", "Fetch it again")
