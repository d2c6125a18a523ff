"""Frames between the client and the worker: four bytes of length, then JSON.

Values are what JSON has, tuples, paths, and the port's records, which travel as {"_": name, field: value, ...}. Lists
come back as tuples: the port has no lists. A path travels as {"_": "Path", "bytes": ...}: its name may be no text.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from quoth import chat, engine
from quoth.engine import ladder

MAX_FRAME = 256 * 1024 * 1024
_CLASSES = {
    cls.__name__: cls
    for cls in (
        chat.Message,
        engine.LoadOptions,
        engine.ModelInfo,
        engine.Sampling,
        engine.Chat,
        engine.Text,
        engine.Request,
        engine.Scoring,
        engine.TokenLogprob,
        engine.Usage,
        engine.Reading,
        engine.Thought,
        engine.Piece,
        engine.Notice,
        engine.Done,
        engine.Scored,
        ladder.Finding,
        ladder.Fingerprint,
        ladder.Known,
    )
}


class BrokenFrame(Exception):
    """What arrived is no frame of this protocol."""


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        items = map(_plain, value)
        if hasattr(value, "_fields"):
            name = type(value).__name__
            return {"_": name, **dict(zip(_CLASSES[name]._fields, items, strict=True))}
        return [*items]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return {"_": "Path", "bytes": os.fsencode(value).decode("latin-1")}
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_rich, value))
    if isinstance(value, dict):
        name = value.pop("_", None)
        if name is None:
            return {key: _rich(item) for key, item in value.items()}
        if name == "Path":
            return Path(os.fsdecode(value["bytes"].encode("latin-1")))
        if name not in _CLASSES or not set(value) <= set(_CLASSES[name]._fields):
            raise BrokenFrame(f"unknown kind {name!r}")
        return _CLASSES[name](**{key: _rich(item) for key, item in value.items()})
    return value


def encode(message: dict[str, Any]) -> bytes:
    """A message as one frame. Lone surrogates become "?": the worker gets valid text only."""
    body = json.dumps(_plain(message), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(body) > MAX_FRAME:
        raise BrokenFrame(f"{len(body)} bytes are more than a frame can hold")
    return len(body).to_bytes(4, "big") + body


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message, or None at the end of the stream. Raises BrokenFrame."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME:
        raise BrokenFrame(f"a frame of {size} bytes")
    body = stream.read(size)
    if len(body) < size:
        return None
    try:
        message = _rich(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BrokenFrame(str(error)) from error
    if not isinstance(message, dict):
        raise BrokenFrame("a frame that is no object")
    return message
