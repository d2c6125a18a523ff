"""Read a GGUF header without trusting it: every count and length is held against the size of the file.

The format is ggml's docs/gguf.md; the limits are those of gguf.cpp, or tighter.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, escaped
from quoth.gguf.header import Array, Header, Scalar, Tensor
from quoth.gguf.tables import ALIGNMENT, ARRAY, BOOL, SCALARS, STRING, TENSOR_TYPES

_CHUNK: Final = 1 << 20
_MAX_HEADER: Final = 256 << 20  # bytes; the largest vocabularies known take about 15 MB
_MAX_TEXT: Final = 8 << 20  # bytes of one text; a chat template takes some 10 KB
_MAX_KEYS: Final = 65_536
_MAX_TENSORS: Final = 262_144
_MAX_NAME: Final = 64  # GGML_MAX_NAME
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")

_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "a zip archive or a PyTorch checkpoint"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
    (b"lmgg", "a model in the old ggml format"),
    (b"fmgg", "a model in the old ggmf format"),
    (b"tjgg", "a model in the old ggjt format"),
    (b"algg", "a LoRA adapter in the old ggla format"),
    (b"\x00\x00\x00\x00", "zeroes, as an unfinished download leaves them"),
)


class _Bad(Exception):
    """What is wrong with the file; `read_header` makes a sentence of it."""


@dataclass(slots=True)
class _Cursor:
    """Bytes from the start of a file, read as far as they are needed."""

    descriptor: int
    size: int
    data: bytearray
    position: int = 0

    def reach(self, end: int) -> None:
        """Make sure that everything before `end` is in `data`."""
        if end > self.size:
            raise _Bad("it is cut off, or a length in its header is wrong")
        if end > _MAX_HEADER:
            raise _Bad(f"its header is larger than {_MAX_HEADER >> 20} MiB")
        while len(self.data) < end:
            chunk = os.read(self.descriptor, max(_CHUNK, end - len(self.data)))
            if not chunk:
                raise _Bad("it is cut off")
            self.data += chunk

    def take(self, count: int) -> bytes:
        start = self.position
        self.reach(start + count)
        self.position = start + count
        return bytes(self.data[start : self.position])

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def text(self, limit: int) -> str:
        length = self.u64()
        if length > limit:
            raise _Bad(f"a text in its header claims {length:,} bytes")
        return self.take(length).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Step over strings; a vocabulary has 150,000 of them, so this loop does nothing else."""
        position, length = self.position, _U64.unpack_from
        strings = iter(range(count))
        for _ in strings:
            self.reach(position + 8)
            position += 8 + length(self.data, position)[0]
            data = self.data
            try:
                for _ in strings:
                    position += 8 + length(data, position)[0]
            except (struct.error, OverflowError):
                # The end of what has been read so far, or an absurd length: `reach` tells which. The string that
                # could not be seen was taken from the iterator, so it is done here.
                self.reach(position + 8)
                position += 8 + length(self.data, position)[0]
        self.reach(position)
        self.position = position


def read_header(path: Path, *, tensors: bool = True) -> Header:
    """Read the header of a GGUF file. Raises ModelError in one sentence if it is not one or is damaged."""
    descriptor = _open(path)
    try:
        size = os.fstat(descriptor).st_size
        cursor = _Cursor(descriptor, size, bytearray())
        _check_magic(cursor, path)
        return _header(cursor, path, tensors)
    except _Bad as error:
        raise ModelError(
            f"{escaped(path.name)} is not a usable GGUF file", str(error), "Download it again, or try another file"
        ) from None
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """Open a regular file for reading; a pipe or a device is refused without waiting for it."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    name = escaped(str(path), 200)
    try:
        # Windows cannot open a folder at all: look before opening, and again at what was opened.
        _require_regular(os.stat(path).st_mode, name)
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        why = "the link points to nothing" if path.is_symlink() else "no such file"
        raise ModelError(f"cannot open the model {name}", why, "`quoth models` lists the models there are") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ModelError(f"cannot open the model {name}", why.lower(), "Check the path and its permissions") from None
    try:
        _require_regular(os.fstat(descriptor).st_mode, name)
    except ModelError:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(mode: int, name: str) -> None:
    if stat.S_ISREG(mode):
        return
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "not a regular file"
    raise ModelError(f"{name} is not a model", f"it is {kind}", "Give the path of a .gguf file")


def _check_magic(cursor: _Cursor, path: Path) -> None:
    name = escaped(path.name)
    if cursor.size == 0:
        raise ModelError(f"{name} is not a model", "the file is empty", "Download it again")
    cursor.reach(min(cursor.size, 512))
    start = bytes(cursor.data[:512])
    if start.startswith(b"GGUF"):
        cursor.take(4)
        return
    what = _looks_like(start, cursor.size)
    why = f"it looks like {what}" if what else "its format is unknown"
    raise ModelError(f"{name} is not a GGUF file", why, "Download or convert the model as GGUF")


def _looks_like(start: bytes, size: int) -> str:
    for magic, what in _OTHER_FORMATS:
        if start.startswith(magic):
            return what
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page, so the download got a login or an error page"
    if len(start) > 8 and start[8:9] == b"{" and 2 <= _U64.unpack_from(start)[0] < size:
        return "a safetensors file"
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle or an old PyTorch checkpoint"
    return "a JSON file" if text.startswith(b"{") else ""


def _header(cursor: _Cursor, path: Path, with_tensors: bool) -> Header:
    version = cursor.u32()
    if version and version & 0xFFFF == 0:
        raise _Bad("it is a big-endian file, for another kind of machine")
    if version not in (2, 3):
        raise _Bad(f"its format version is {version}; versions 2 and 3 can be read")
    n_tensors, n_keys = cursor.u64(), cursor.u64()
    # A tensor takes at least 24 bytes and a key 13, so a count that cannot fit is known at once.
    if n_tensors > min(_MAX_TENSORS, cursor.size // 24) or n_keys > min(_MAX_KEYS, cursor.size // 13):
        raise _Bad(f"its header claims {n_tensors:,} tensors and {n_keys:,} keys")
    metadata, arrays, places = _metadata(cursor, n_keys)
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        raise _Bad("its alignment is not a power of two")
    infos = [_tensor(cursor) for _ in range(n_tensors)]
    data_offset = -(-cursor.position // alignment) * alignment
    _check_tensors(infos, alignment, cursor.size - data_offset)
    tensors = tuple(infos) if with_tensors else ()
    return Header(path, cursor.size, version, metadata, arrays, tensors, data_offset, places)


def _metadata(cursor: _Cursor, count: int) -> tuple[dict[str, Scalar], dict[str, Array], dict[str, int]]:
    """The keys of one value, those of several, and where each of the first stands."""
    metadata: dict[str, Scalar] = {}
    arrays: dict[str, Array] = {}
    places: dict[str, int] = {}
    for _ in range(count):
        key = cursor.text(_MAX_NAME * 1024)
        if not key or key in metadata or key in arrays:
            raise _Bad(f"the key {escaped(key)!r} is empty or occurs twice")
        kind = cursor.u32()
        if kind == ARRAY:
            arrays[key] = _array(cursor, key)
        else:
            places[key] = cursor.position
            metadata[key] = _scalar(cursor, kind, key)
    return metadata, arrays, places


def _scalar(cursor: _Cursor, kind: int, key: str) -> Scalar:
    if kind == STRING:
        return cursor.text(_MAX_TEXT)
    if kind not in SCALARS:
        raise _Bad(f"the key {escaped(key)!r} has the unknown type {kind}")
    code, size = SCALARS[kind]
    value: int | float = struct.unpack(f"<{code}", cursor.take(size))[0]
    return bool(value) if kind == BOOL else value


def _array(cursor: _Cursor, key: str) -> Array:
    kind, count, start = cursor.u32(), cursor.u64(), cursor.position
    width = 8 if kind == STRING else SCALARS.get(kind, ("", 0))[1]
    if not width:
        raise _Bad(f"the key {escaped(key)!r} is an array of the unknown type {kind}")
    if count * width > cursor.size:
        raise _Bad(f"it is cut off, or wrong about the {count:,} elements of {escaped(key)!r}")
    if kind == STRING:
        cursor.skip_strings(count)
    else:
        cursor.reach(start + count * width)
        cursor.position = start + count * width
    return Array(kind, count, start, cursor.position - start)


def _tensor(cursor: _Cursor) -> Tensor:
    name = cursor.text(_MAX_NAME - 1)
    n_dims = cursor.u32()
    if n_dims > 4:
        raise _Bad(f"the tensor {escaped(name)!r} has {n_dims} dimensions")
    shape = struct.unpack(f"<{n_dims}Q", cursor.take(8 * n_dims)) or (1,)
    kind, offset = cursor.u32(), cursor.u64()
    if kind not in TENSOR_TYPES:
        raise _Bad(f"the tensor {escaped(name)!r} has the unknown type {kind}")
    _, block, width = TENSOR_TYPES[kind]
    values = math.prod(shape)
    if values == 0 or shape[0] % block:
        raise _Bad(f"the tensor {escaped(name)!r} has the impossible shape {list(shape)}")
    return Tensor(name, shape, kind, offset, values // block * width)


def _check_tensors(tensors: list[Tensor], alignment: int, room: int) -> None:
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise _Bad("two of its tensors have the same name")
    for tensor in tensors:
        if tensor.offset % alignment:
            raise _Bad(f"the tensor {escaped(tensor.name)!r} is not aligned")
        if tensor.offset + tensor.size > room:
            missing = tensor.offset + tensor.size - room
            raise _Bad(f"it is cut off: at least {missing:,} bytes are missing after {escaped(tensor.name)!r}")
