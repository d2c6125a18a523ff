"""Frames between a parent and its worker: the number of a call and a message.

A frame is two lengths of four bytes, then JSON, then bytes as they are. A message is a record (a NamedTuple) of what
JSON has, tuples, paths, bytes and further records. Records travel as {"_": name, field: value, ...}, and lists come
back as tuples. A path travels as {"_": "Path", "name": ...}: its name may not be valid text. Bytes travel behind the
JSON, where {"_": "bytes", "size": ...} stands for them.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

MAX_PART = 256 * 1024 * 1024  # bytes of a frame's JSON, and of what is behind it
Records = Mapping[str, type]  # by name: what a message may be made of


class BrokenFrame(Exception):
    """What arrived is not a frame of this protocol."""


def records(*modules: ModuleType) -> Records:
    """The records that some modules define or import."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and hasattr(value, "_fields")
    }


def encode(call: int, message: Any) -> bytes:
    """A message as one frame. Lone surrogates become "?": the other side gets valid text only."""
    attached: list[bytes] = []
    plain = _plain(message, attached)
    body = json.dumps([call, plain], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    size = sum(map(len, attached))
    if max(len(body), size) > MAX_PART:
        raise BrokenFrame(f"{max(len(body), size)} bytes are more than a frame can hold")
    return b"".join((len(body).to_bytes(4, "big"), size.to_bytes(4, "big"), body, *attached))


def read(stream: BinaryIO, known: Records) -> tuple[int, Any] | None:
    """The next call and message, or None at the end of the stream. Raises BrokenFrame."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    sizes = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
    if max(sizes) > MAX_PART:
        raise BrokenFrame(f"a frame of {max(sizes)} bytes")
    body, attached = (stream.read(size) for size in sizes)
    if (len(body), len(attached)) != sizes:
        return None
    try:
        call, message = json.loads(body)
        return int(call), _rich(message, known, io.BytesIO(attached))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BrokenFrame(str(error)) from error


def _plain(value: Any, attached: list[bytes]) -> Any:
    if isinstance(value, (tuple, list)):
        items = [_plain(item, attached) for item in value]
        fields = getattr(value, "_fields", None)
        return items if fields is None else {"_": type(value).__name__, **dict(zip(fields, items, strict=True))}
    if isinstance(value, dict):
        return {key: _plain(item, attached) for key, item in value.items()}
    if isinstance(value, Path):
        return {"_": "Path", "name": os.fsencode(value).decode("latin-1")}
    if isinstance(value, bytes):
        attached.append(value)
        return {"_": "bytes", "size": len(value)}
    return value


def _rich(value: Any, known: Records, attached: BinaryIO) -> Any:
    if isinstance(value, list):
        return tuple(_rich(item, known, attached) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.pop("_", None)
    if name == "Path":
        return Path(os.fsdecode(value["name"].encode("latin-1")))
    if name == "bytes":
        return attached.read(value["size"])
    fields = {key: _rich(item, known, attached) for key, item in value.items()}
    if name is None:
        return fields
    if name not in known:
        raise BrokenFrame(f"unknown record {name!r}")
    return known[name](**fields)
