"""What torch.save's pickles are made of, as plain values: tensors whose bytes are not located yet, settings, the rest.

Every global that a checkpoint may name is in one table, and stands for a function of ours (see pickles.py). What
tensors reduce to: torch/_utils.py and torch/_tensor.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from quoth.errors import ModelError, escaped
from quoth_converters.formats import pickles
from quoth_converters.formats.pickles import Global, Record, record
from quoth_converters.formats.tensors import DTYPES, LazyTensor, Storage

_STORED_TYPES: Final = {
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "storage.UntypedStorage": "U8",
}
_WANTED: Final = "weights must be F64, F32, F16 or BF16"
_NOT_WEIGHTS: Final = ("ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage", "QUInt8Storage", "QInt32Storage")
_DTYPES: Final = ("float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
_FLOAT8: Final = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")
# Classes of known trainers that hold settings beside the weights.
_SETTINGS: Final = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "__main__.GPTConfig",
    "model.GPTConfig",
    "mingpt.utils.CfgNode",
    "__main__.ModelArgs",
    "model.ModelArgs",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
)


@dataclass(frozen=True, slots=True)
class StoredAs:
    """A persistent id: the type and the key of a storage, and how many elements it says it has."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A tensor whose storage is not located yet."""

    storage: StoredAs
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def placed(self, name: str, storages: Callable[[StoredAs], Storage]) -> LazyTensor:
        """The tensor in its file; ModelError if it does not lie inside."""
        place = storages(self.storage)
        if place.size < self.storage.count * DTYPES[self.storage.dtype].itemsize:
            why = f"{place.size:,} bytes for {self.storage.count:,} elements of {self.storage.dtype}"
            raise ModelError(f"the storage of tensor {escaped(name)} is too short", why)
        return LazyTensor(name, self.storage.dtype, self.shape, place, self.offset, self.strides).check()


def storage_of(identity: object) -> StoredAs:
    """("storage", type, key, device, count) or, in the legacy format, one more: a view, which is None in practice."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        raise ValueError("a tensor's storage is not described properly")
    _, kind, key, _, count, *view = identity
    if view not in ([], [None]):
        raise ValueError("a tensor is a view, as in torch 0.3")
    dtype = kind.meaning if isinstance(kind, Global) else None
    if dtype in _NOT_WEIGHTS:
        raise ModelError(f"a tensor is in a {dtype}", _WANTED)
    if dtype not in DTYPES or not isinstance(key, str) or not isinstance(count, int) or count < 0:
        raise ValueError("a tensor's storage is not described properly")
    return StoredAs(str(dtype), key, count)


def _tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> Unplaced:
    """torch._utils._rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)."""
    if not isinstance(storage, StoredAs) or not isinstance(offset, int):
        raise ValueError("a tensor has no storage")
    return Unplaced(storage, offset, _numbers(shape), _numbers(strides))


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(value) is int for value in values):
        raise ValueError("a tensor's shape is not a tuple of numbers")
    return values


def _same(value: object, *_: object) -> object:
    return value


def _ordered_dict(items: object = (), *_: object) -> dict[Any, Any]:
    """collections.OrderedDict(), whose items nearly always follow; an older one gives a list of pairs."""
    pairs = items if isinstance(items, (list, tuple)) else ()
    return {pickles.hashable(pair[0]): pair[1] for pair in pairs if isinstance(pair, (list, tuple)) and len(pair) == 2}


def _bytes_of(text: object, encoding: object = "latin1") -> bytes:
    """_codecs.encode(text, "latin1"), as protocol 2 writes bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes are not written as such")
    return text.encode("latin1")


def _instance(of: object, *_: object) -> object:
    """copyreg._reconstructor(class, object, None)."""
    if not isinstance(of, Global) or not callable(of.meaning):
        raise ValueError("an instance without a class")
    return of.meaning()


def _number(dtype: object, raw: object = b"", *_: object) -> float | int | None:
    """A numpy scalar: its type and its bytes; None for a type of no interest."""
    code = dtype.fields.get("code") if isinstance(dtype, Record) else None
    if code not in ("f8", "f4", "i8", "i4", "b1") or not isinstance(raw, bytes):
        return None
    kind = np.dtype(f"<{code}")
    return np.frombuffer(raw, kind)[0].item() if len(raw) == kind.itemsize else None


def _refuse(name: str, *_: object) -> object:
    raise ModelError(f"a tensor is {name}", _WANTED)


def _other_type(*arguments: object) -> object:
    """torch._utils._rebuild_tensor_v3: the types without a storage class, such as FP8."""
    names = [value.name for value in arguments if isinstance(value, Global)]
    raise ModelError(f"a tensor is {escaped(names[-1]) if names else 'of an unknown type'}", _WANTED)


TORCH: Final[pickles.Globals] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": lambda *_: {},
    "builtins.dict": _ordered_dict,
    "builtins.set": lambda items=(), *_: [*items] if isinstance(items, list) else [],
    "__builtin__.set": lambda items=(), *_: [*items] if isinstance(items, list) else [],
    "builtins.int": None,
    "builtins.float": None,
    "builtins.object": None,
    "__builtin__.object": None,
    "builtins.bytearray": _bytes_of,
    "builtins.complex": lambda *_: None,
    "_codecs.encode": _bytes_of,
    "copyreg._reconstructor": _instance,
    "copy_reg._reconstructor": _instance,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v3": _other_type,
    "torch._utils._rebuild_parameter": _same,
    "torch._utils._rebuild_parameter_with_state": _same,
    "torch._tensor._rebuild_from_type_v2": lambda function, kind, arguments, *_: _tensor(*arguments),
    "torch.nn.parameter.Parameter": _same,
    "torch._utils._rebuild_qtensor": partial(_refuse, "quantized by torch"),
    "torch._utils._rebuild_sparse_tensor": partial(_refuse, "sparse"),
    "torch._utils._rebuild_meta_tensor_no_storage": partial(_refuse, "without values (on device meta)"),
    "torch.Size": lambda values=(), *_: tuple(values) if isinstance(values, (list, tuple)) else (),
    "torch.device": lambda name="", *_: name if isinstance(name, str) else "",
    "torch.serialization._get_layout": _same,
    "numpy.dtype": lambda code, *_: Record("numpy.dtype", {"code": code}),
    "numpy.core.multiarray.scalar": _number,
    "numpy._core.multiarray.scalar": _number,
    "numpy.core.multiarray._reconstruct": record("numpy.ndarray"),
    "numpy._core.multiarray._reconstruct": record("numpy.ndarray"),
    "numpy.ndarray": None,
    **{f"torch.{name}": dtype for name, dtype in _STORED_TYPES.items()},
    **{f"torch.cuda.{name}": dtype for name, dtype in _STORED_TYPES.items()},
    **{f"torch.{name}": name for name in (*_NOT_WEIGHTS, *_DTYPES, *_FLOAT8)},
    **{name: record(name) for name in _SETTINGS},
}
