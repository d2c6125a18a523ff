"""A tensor that stays in its file until it is read: where it lies, and a memory-mapped view of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quoth.errors import ModelError, escaped

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

# Type of a tensor: numpy's type for its bytes. BF16 is the upper half of an F32.
DTYPES: Final[Mapping[str, np.dtype[Any]]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
FLOATS: Final = frozenset({"F64", "F32", "F16", "BF16"})
MAX_DIMENSIONS: Final = 8
_SLAB: Final = 1 << 20  # elements


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of bytes in a file."""

    path: Path
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class LazyTensor:
    """A tensor in a file: type, shape, and where in its storage it begins and how it strides, in elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    storage: Storage
    offset: int = 0
    strides: tuple[int, ...] | None = None  # None: row after row

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    def check(self) -> LazyTensor:
        """This tensor. Raises ModelError unless it lies inside its storage and claims no more than is stored."""
        strides, item = self._strides(), DTYPES[self.dtype].itemsize
        numbers = (*self.shape, *strides, self.offset)
        if len(strides) != len(self.shape) or len(self.shape) > MAX_DIMENSIONS or min(numbers, default=0) < 0:
            raise ModelError(f"tensor {escaped(self.name)} has an impossible shape", escaped((self.shape, strides)))
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, strides, strict=True))
        stored = self.storage.size // item
        if self.count and (last >= stored or self.count > stored):
            why = f"shape {escaped(self.shape)} reaches element {last + 1} of {stored}"
            raise ModelError(f"tensor {escaped(self.name)} does not fit what is stored of it", why)
        return self

    def read(self) -> Array:
        """A memory-mapped view, read-only; BF16 comes as uint16."""
        dtype = DTYPES[self.dtype]
        if not self.count:
            return np.empty(self.shape, dtype)
        strides = self._strides()
        span = 1 + sum((n - 1) * step for n, step in zip(self.shape, strides, strict=True))
        start = self.storage.offset + self.offset * dtype.itemsize
        try:
            flat = np.memmap(self.storage.path, np.uint8, "r", start, (span * dtype.itemsize,))
        except (OSError, ValueError) as error:
            raise ModelError(f"{escaped(self.storage.path.name)} changed while it was read", escaped(error)) from None
        steps = [step * dtype.itemsize for step in strides]
        return np.lib.stride_tricks.as_strided(flat.view(dtype), self.shape, steps, writeable=False)

    def _strides(self) -> tuple[int, ...]:
        if self.strides is not None:
            return self.strides
        return tuple(math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape)))


class Weights(NamedTuple):
    """What a file of weights holds: tensors by name, the settings beside them, and the names of what is ignored."""

    tensors: Mapping[str, LazyTensor]
    config: Mapping[str, Any] = MappingProxyType({})
    ignored: tuple[str, ...] = ()


def widened(tensor: LazyTensor) -> Floats:
    """The tensor in F32: the view itself where it is F32, else a copy."""
    if tensor.dtype not in FLOATS:
        raise ModelError(f"tensor {escaped(tensor.name)} is {tensor.dtype}", "weights must be F64, F32, F16 or BF16")
    raw = tensor.read()
    if tensor.dtype != "BF16":
        with np.errstate(over="ignore"):
            return raw.astype(np.float32, copy=False)
    wide = np.empty(raw.shape, np.uint32)
    np.left_shift(raw, 16, out=wide, casting="unsafe", dtype=np.uint32)
    return wide.view(np.float32)


def slabs(array: Array) -> Iterator[Array]:
    """The array in runs of whole rows of about a million elements."""
    if array.ndim < 2:
        yield array
        return
    rows = max(1, _SLAB // max(1, array[0].size))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


def same_bytes(one: LazyTensor, other: LazyTensor) -> bool:
    """Whether two tensors are the same weights: tied, in the file or by value."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if (one.storage, one.offset, one._strides()) == (other.storage, other.offset, other._strides()):
        return True
    pairs = zip(slabs(one.read()), slabs(other.read()), strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)
