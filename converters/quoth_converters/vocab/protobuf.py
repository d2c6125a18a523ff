"""Read protocol buffers without a schema: fields by number, every length held against what is left.

Format: protobuf.dev's "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5

Field = int | bytes


def fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """Number and value of each field: an integer, or bytes (also of fixed width). Raises ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field has no number")
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"field {number} is of wire type {wire}")
        if length > len(data) - at:
            raise ValueError(f"field {number} reaches past the end")
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if at + index >= len(data):
            raise ValueError("it is cut short")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & (1 << 64) - 1, at + index + 1
    raise ValueError("a number has no end")


def raw(value: Field) -> bytes:
    """A field that must be bytes."""
    if not isinstance(value, bytes):
        raise ValueError("a number instead of bytes")
    return value


def text(value: Field) -> str:
    """A field that must be text."""
    return raw(value).decode("utf-8")


def float32(value: Field) -> float:
    """A field that must be a float."""
    found: float = struct.unpack("<f", raw(value))[0] if len(raw(value)) == 4 else float("nan")
    return found


def integer(value: Field) -> int:
    """A field that must be an integer of 32 bits; negative ones are written in 64."""
    if not isinstance(value, int):
        raise ValueError("bytes instead of a number")
    return value - (1 << 64) if value >> 63 else value
