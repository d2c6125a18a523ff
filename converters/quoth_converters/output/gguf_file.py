"""A GGUF's keys and list of tensors: read, checked against the file's size, and written; not its weights.

gguf's own reader takes seconds for the hundred thousand strings of a vocabulary, its writer half a second. Format:
docs/gguf.md of ggml.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_BOOL, _UINT32, _INT32, _FLOAT32 = 7, 4, 5, 6
_STRING: Final = 8
_ARRAY: Final = 9
_MOST: Final = 1 << 20  # keys, and tensors
ALIGNMENT: Final = 32
_VERSIONS: Final = (2, 3)


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor's ggml type, its shape in numpy's order, and its offset in the file in bytes."""

    type: int
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class GGUFFile:
    """Keys and tensors of a file of `size` bytes; `places` is where each key's value stands in it."""

    keys: Mapping[str, Any]
    tensors: Mapping[str, TensorEntry]
    size: int
    places: Mapping[str, int]


def read_gguf(path: Path) -> GGUFFile:
    """Read a file's header; ModelError if it is not wholly one."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Header(data).read()
    except (struct.error, ValueError, OverflowError) as error:
        raise ModelError(f"{escaped(path.name)} is not a good GGUF", escaped(error)) from None


class _Header:
    """A place in the file that goes forward as things are read."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0
        self.places: dict[str, int] = {}

    def read(self) -> GGUFFile:
        magic, version, n_tensors, n_keys = self._unpack("4sIQQ")
        if magic != b"GGUF" or version not in _VERSIONS or max(n_tensors, n_keys) > _MOST:
            raise ValueError("its first bytes are no GGUF's of version 2 or 3")
        keys = dict(self._key() for _ in range(n_keys))
        entries = {self._text(): self._tensor() for _ in range(n_tensors)}
        if (len(keys), len(entries)) != (n_keys, n_tensors):
            raise ValueError("a name stands in it twice")
        alignment = keys.get("general.alignment", ALIGNMENT)
        if type(alignment) is not int or alignment < 1:
            raise ValueError("its alignment is no number")
        start = -(-self.at // alignment) * alignment
        tensors = {name: TensorEntry(kind, shape, start + offset) for name, (kind, shape, offset) in entries.items()}
        if any(tensor.offset >= len(self.data) for tensor in tensors.values()):
            raise ValueError("it is cut short")
        return GGUFFile(keys, tensors, len(self.data), self.places)

    def _key(self) -> tuple[str, Any]:
        name, (kind,) = self._text(), self._unpack("I")
        self.places[name] = self.at
        return name, self._value(kind)

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def _text(self) -> str:
        (length,) = self._unpack("Q")
        if length > len(self.data) - self.at:
            raise ValueError("a text reaches past its end")
        raw = self.data[self.at : self.at + length]
        self.at += length
        return raw.decode("utf-8", "replace")

    def _texts(self, count: int) -> list[str]:
        """Many texts; a vocabulary has a hundred thousand, so this loop is kept bare."""
        data, at, end, length_at = self.data, self.at, len(self.data), struct.Struct("<Q").unpack_from
        texts = []
        for _ in range(count):
            start = at + 8
            at = start + length_at(data, at)[0]
            if at > end:
                raise ValueError("a text reaches past its end")
            texts.append(data[start:at].decode("utf-8", "replace"))
        self.at = at
        return texts

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind != _ARRAY:
            return self._unpack(_scalar(kind))[0]
        inner, count = self._unpack("IQ")
        if count > len(self.data) - self.at:
            raise ValueError("a list reaches past its end")
        if inner == _STRING:
            return self._texts(count)
        return list(self._unpack(f"{count}{_scalar(inner)}"))

    def _tensor(self) -> tuple[int, tuple[int, ...], int]:
        (n_dimensions,) = self._unpack("I")
        if n_dimensions > 8:
            raise ValueError(f"a tensor has {n_dimensions} dimensions")
        shape = self._unpack(f"{n_dimensions}Q")
        kind, offset = self._unpack("IQ")
        return kind, shape[::-1], offset


def header(keys: Mapping[str, Any], tensors: Iterable[tuple[str, tuple[int, ...], int, int]]) -> bytes:
    """All of a file before its weights, padded: keys, and for each tensor its name, shape, ggml type and bytes.

    Each tensor begins at the next multiple of ALIGNMENT behind the one before. Values are bool, str, int (as UINT32),
    float, and lists of one of them (int as INT32).
    """
    parts, count, offset = [], 0, 0
    for name, shape, kind, size in tensors:
        parts += [_packed(name), struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, offset)]
        count, offset = count + 1, offset - -size // ALIGNMENT * ALIGNMENT
    values = [_packed(name) + _typed(value) for name, value in keys.items()]
    whole = b"".join([struct.pack("<4sIQQ", b"GGUF", _VERSIONS[-1], count, len(keys)), *values, *parts])
    return whole + bytes(-len(whole) % ALIGNMENT)


def _packed(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw


def _typed(value: Any) -> bytes:
    """A value behind its type; an empty list is one of texts."""
    match value:
        case bool():
            return struct.pack("<I?", _BOOL, value)
        case str():
            return struct.pack("<I", _STRING) + _packed(value)
        case int():
            return struct.pack("<II", _UINT32, value)
        case float():
            return struct.pack("<If", _FLOAT32, value)
    match value[:1]:
        case [bool()]:
            inner, packed = _BOOL, struct.pack(f"<{len(value)}?", *value)
        case [int()]:
            inner, packed = _INT32, struct.pack(f"<{len(value)}i", *value)
        case [float()]:
            inner, packed = _FLOAT32, struct.pack(f"<{len(value)}f", *value)
        case _:
            inner, packed = _STRING, b"".join(map(_packed, value))
    return struct.pack("<IIQ", _ARRAY, inner, len(value)) + packed


def type_name(number: int) -> str:
    """The name of a ggml type; ModelError if there is none."""
    import gguf

    try:
        return str(gguf.GGMLQuantizationType(number).name).upper()
    except ValueError:
        raise ModelError(f"a tensor is of type {number}", "there is no such type in ggml") from None


def _scalar(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError(f"a value is of type {kind}")
    return _SCALARS[kind]
