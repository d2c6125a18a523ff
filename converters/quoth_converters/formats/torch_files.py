"""Read what torch.save wrote, without torch: the zip format, and the one before it (a row of pickles, then storages).

Neither runs anything of the file (see pickles.py). Tensors stay in the file. Formats: torch/serialization.py,
`_save` and `_legacy_save`; what tensors reduce to: torch/_utils.py and torch/_tensor.py.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from quoth.errors import ModelError, escaped
from quoth_converters.formats import pickles
from quoth_converters.formats.pickles import Global, Record, record
from quoth_converters.formats.tensors import DTYPES, LazyTensor, Storage

MAX_MEMBERS: Final = 10_000
_LEGACY_MAGIC: Final = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL: Final = 1001
_LOCAL_HEADER: Final = 30  # bytes, before the name
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


@dataclass(frozen=True, slots=True)
class TorchFile:
    """What a file holds: plain values with Unplaced tensors among them, and where their storages are."""

    root: Any
    storage: Callable[[StoredAs], Storage]


def read_torch(path: Path) -> TorchFile:
    """Read either format, told apart by the first bytes."""
    with path.open("rb") as file:
        start = file.read(8)
        if start[:4] == b"PK\x03\x04":
            return _read_zip(path)
        if start[:1] == b"\x80":
            file.seek(0)
            return _read_legacy(path, file.read(pickles.MAX_BYTES))
    if not start:
        raise _bad(path, "it is empty")
    raise _bad(path, "neither of torch's formats begins like this")


def _read_zip(path: Path) -> TorchFile:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive)
            pickle = [info for name, info in members.items() if name.endswith("/data.pkl") and name.count("/") == 1]
            if len(pickle) != 1:
                why = "it is a TorchScript or exported program" if _is_program(members) else "it has no data.pkl"
                raise _bad(path, why)
            if pickle[0].file_size > pickles.MAX_BYTES or pickle[0].compress_type != zipfile.ZIP_STORED:
                raise _bad(path, f"its data.pkl is compressed or has {pickle[0].file_size:,} bytes")
            data = archive.read(pickle[0])
            top = pickle[0].filename.removesuffix("data.pkl")
            order = members.get(f"{top}byteorder")
            if order and _order(archive, order) != b"little":
                raise ModelError(f"{escaped(path.name)} was saved on a big-endian machine")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, OverflowError, ValueError) as error:
        raise _bad(path, escaped(error)) from None

    def storage(stored: StoredAs) -> Storage:
        member = members.get(f"{top}data/{stored.key}")
        if member is None:
            raise _bad(path, f"storage {escaped(stored.key)} is missing")
        return _place(path, member)

    return TorchFile(pickles.load(data, TORCH, _persistent), storage)


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The zip's members by name, none of which can mean anything but itself."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise _bad(path, f"it has more than {MAX_MEMBERS:,} members")
    members = {info.filename: info for info in infos}
    if len(members) != len(infos):
        raise _bad(path, "two of its members have one name")
    for name, info in members.items():
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise _bad(path, f"member {escaped(name)} points outside of it")
        if info.flag_bits & 1:
            raise _bad(path, f"member {escaped(name)} is encrypted")
    return members


def _order(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """What the member `byteorder` says; no more of it is unpacked than that."""
    with archive.open(info) as file:
        return file.read(6)


def _is_program(members: dict[str, zipfile.ZipInfo]) -> bool:
    return any(name.endswith(("/constants.pkl", ".py", "serialized_exported_program.json")) for name in members)


def _place(path: Path, info: zipfile.ZipInfo) -> Storage:
    """Where a member's bytes lie: they are stored as they are, and inside of the file."""
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise _bad(path, f"member {escaped(info.filename)} is compressed")
    if not 0 <= info.header_offset < path.stat().st_size:
        raise _bad(path, f"member {escaped(info.filename)} reaches past its end")
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
    if len(local) != _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise _bad(path, f"member {escaped(info.filename)} is not where it should be")
    name, extra = int.from_bytes(local[26:28], "little"), int.from_bytes(local[28:30], "little")
    offset = info.header_offset + _LOCAL_HEADER + name + extra
    if offset + info.file_size > path.stat().st_size:
        raise _bad(path, f"member {escaped(info.filename)} reaches past its end")
    return Storage(path, offset, info.file_size)


def _read_legacy(path: Path, data: bytes) -> TorchFile:
    """Five pickles (magic, protocol, machine, object, keys), then each storage: its count in 8 bytes and its bytes."""
    stream = io.BytesIO(data)
    stored: dict[str, StoredAs] = {}

    def persistent(identity: object) -> StoredAs:
        found = _persistent(identity)
        if stored.setdefault(found.key, found) != found:
            raise ValueError(f"storage {found.key} is described in two ways")
        return found

    if pickles.load(stream, {}) != _LEGACY_MAGIC or pickles.load(stream, {}) != _LEGACY_PROTOCOL:
        raise _bad(path, "it is a pickle, but torch.save did not write it")
    machine = pickles.load(stream, {})
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ModelError(f"{escaped(path.name)} was saved on a big-endian machine")
    root = pickles.load(stream, TORCH, persistent)
    keys = pickles.load(stream, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in stored for key in keys):
        raise _bad(path, "its list of storages is not one")
    places: dict[str, Storage] = {}
    size, offset = path.stat().st_size, stream.tell()
    with path.open("rb") as file:
        for key in keys:
            file.seek(offset)
            count = int.from_bytes(file.read(8), "little")
            length = count * DTYPES[stored[key].dtype].itemsize
            if offset + 8 + length > size:
                raise _bad(path, "it is cut short")
            places[key] = Storage(path, offset + 8, length)
            offset += 8 + length

    def storage(wanted: StoredAs) -> Storage:
        if wanted.key not in places:
            raise _bad(path, f"storage {escaped(wanted.key)} is missing")
        return places[wanted.key]

    return TorchFile(root, storage)


def _persistent(identity: object) -> StoredAs:
    """("storage", type, key, device, count) or, in the legacy format, one more: a view, which is None in practice."""
    if not isinstance(identity, tuple) or len(identity) not in (5, 6) or identity[0] != "storage":
        raise ValueError("a tensor's storage is not described as one")
    _, kind, key, _, count, *view = identity
    if view not in ([], [None]):
        raise ValueError("a tensor is a view in the manner of torch 0.3")
    dtype = kind.meaning if isinstance(kind, Global) else None
    if dtype in _NOT_WEIGHTS:
        raise ModelError(f"a tensor is in a {dtype}", _WANTED)
    if dtype not in DTYPES or not isinstance(key, str) or not isinstance(count, int) or count < 0:
        raise ValueError("a tensor's storage is not described as one")
    return StoredAs(str(dtype), key, count)


def _tensor(storage: object, offset: object, shape: object, strides: object, *_: object) -> Unplaced:
    """torch._utils._rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)."""
    if not isinstance(storage, StoredAs) or not isinstance(offset, int):
        raise ValueError("a tensor has no storage")
    return Unplaced(storage, offset, _numbers(shape), _numbers(strides))


def _numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, tuple) or not all(type(value) is int for value in values):
        raise ValueError("a tensor's shape is not one")
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
        raise ValueError("an instance of no class")
    return of.meaning()


def _number(dtype: object, raw: object = b"", *_: object) -> float | int | None:
    """A numpy scalar: its type and its bytes; None for a type of no interest."""
    code = dtype.fields.get("code") if isinstance(dtype, Record) else None
    if code not in ("f8", "f4", "i8", "i4", "b1") or not isinstance(raw, bytes):
        return None
    kind = np.dtype(f"<{code}")
    return np.frombuffer(raw, kind)[0].item() if len(raw) == kind.itemsize else None


def _numpy_dtype(code: object, *_: object) -> Record:
    return Record("numpy.dtype", {"code": code})


_WANTED: Final = "weights must be F64, F32, F16 or BF16"


def _refuse(name: str, *_: object) -> object:
    raise ModelError(f"a tensor is {name}", _WANTED)


def _other_type(*arguments: object) -> object:
    """torch._utils._rebuild_tensor_v3: the types that have no storage class of their own, such as FP8."""
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
    "numpy.dtype": _numpy_dtype,
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


def _bad(path: Path, why: str) -> ModelError:
    return ModelError(f"{escaped(path.name)} is not a good torch file", why, "Copy or save it again")
