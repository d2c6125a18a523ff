"""Formats that are one header and then the weights, each kind for all the layers: cut into tensors by their shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from quoth.errors import ModelError, escaped
from quoth_converters.formats.tensors import DTYPES, LazyTensor, Storage

Piece = tuple[str, tuple[int, ...]]  # a tensor's name and shape


def cut(path: Path, start: int, pieces: Iterable[Piece], dtype: str, kind: str) -> dict[str, LazyTensor]:
    """The tensors that lie one after the other from `start` on; ModelError unless they fill the file exactly."""
    size, offset, item = path.stat().st_size, start, DTYPES[dtype].itemsize
    tensors = {}
    for name, shape in pieces:
        stored = math.prod(shape) * item
        tensors[name] = LazyTensor(name, dtype, shape, Storage(path, offset, stored))
        offset += stored
    if offset != size:
        why = f"its header makes {offset:,} bytes and it has {size:,}"
        raise ModelError(f"{escaped(path.name)} is not a good {kind} file", why, "Fetch or export it again")
    return {name: tensor.check() for name, tensor in tensors.items()}


def bounded(path: Path, sizes: Mapping[str, int], most: Mapping[str, int], kind: str) -> None:
    """ModelError unless each size is from 1 to what it can be."""
    for name, value in sizes.items():
        if not 1 <= value <= most[name]:
            why = f"its header says {name} is {value:,}"
            raise ModelError(f"{escaped(path.name)} is not a good {kind} file", why, "Fetch or export it again")
