"""A GGUF's header, written: keys and the list of tensors. gguf's own writer takes half a second for a vocabulary.

Format: docs/gguf.md of ggml.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from quoth.gguf.tables import ALIGNMENT, ARRAY, BOOL, FLOAT32, INT32, STRING, UINT32


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
    whole = b"".join([struct.pack("<4sIQQ", b"GGUF", 3, count, len(keys)), *values, *parts])
    return whole + bytes(-len(whole) % ALIGNMENT)


def _packed(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(8, "little") + raw


def _typed(value: Any) -> bytes:
    """A value behind its type; an empty list is one of texts."""
    match value:
        case bool():
            return struct.pack("<I?", BOOL, value)
        case str():
            return struct.pack("<I", STRING) + _packed(value)
        case int():
            return struct.pack("<II", UINT32, value)
        case float():
            return struct.pack("<If", FLOAT32, value)
    match value[:1]:
        case [bool()]:
            inner, packed = BOOL, struct.pack(f"<{len(value)}?", *value)
        case [int()]:
            inner, packed = INT32, struct.pack(f"<{len(value)}i", *value)
        case [float()]:
            inner, packed = FLOAT32, struct.pack(f"<{len(value)}f", *value)
        case _:
            inner, packed = STRING, b"".join(map(_packed, value))
    return struct.pack("<IIQ", ARRAY, inner, len(value)) + packed
