"""Write torch's two formats and safetensors without either library, right or wrong: an assembler of opcodes."""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "float64": "DoubleStorage", "int64": "LongStorage"}


@dataclass(frozen=True, slots=True)
class Name:
    """A global: what GLOBAL puts on the stack."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A global called with arguments: what REDUCE does."""

    function: Name
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A persistent id."""

    identity: tuple[Any, ...]


def opcodes(value: Any) -> bytes:
    """The opcodes that leave a value on the stack."""
    match value:
        case Name(module, name):
            return b"c" + f"{module}\n{name}\n".encode()
        case Call(function, arguments):
            return opcodes(function) + opcodes(arguments) + b"R"
        case Stored(identity):
            return opcodes(identity) + b"Q"
        case dict():
            items = b"".join(opcodes(key) + opcodes(item) for key, item in value.items())
            return b"}(" + items + b"u"
        case list():
            return b"](" + b"".join(map(opcodes, value)) + b"e"
        case tuple():
            return b"(" + b"".join(map(opcodes, value)) + b"t"
    return pickle.dumps(value, 2)[2:-1]


def pickled(value: Any) -> bytes:
    """A whole pickle of protocol 2."""
    return b"\x80\x02" + opcodes(value) + b"."


def tensor(key: str, shape: tuple[int, ...], *, kind: str = "FloatStorage", **changes: Any) -> Call:
    """What torch.save writes for a tensor: `offset`, `strides` and `count` may be changed to be wrong."""
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    count = changes.get("count", math.prod(shape))
    storage = Stored(("storage", Name("torch", kind), key, "cpu", count))
    arguments = (storage, changes.get("offset", 0), shape, changes.get("strides", strides), False, Call(ORDERED, ()))
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


ORDERED = Name("collections", "OrderedDict")


def state_of(arrays: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A state_dict as a pickle has it, and its storages."""
    keys = {name: str(index) for index, name in enumerate(arrays)}
    state = {name: tensor(keys[name], array.shape, kind=STORAGES[str(array.dtype)]) for name, array in arrays.items()}
    return state, {keys[name]: array.tobytes() for name, array in arrays.items()}


def zip_bytes(pickle_bytes: bytes, storages: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    """torch's zip around a pickle and its storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_bytes(value: Any, storages: Mapping[str, bytes], item: int = 4) -> bytes:
    """torch's format before zip: magic, protocol, machine, the value, the keys, and the storages behind."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}]
    pickles = [*map(pickled, [*head, value, list(storages)])]
    return b"".join([*pickles, *(struct.pack("<q", len(data) // item) + data for data in storages.values())])


def write_zip(path: Path, arrays: Mapping[str, Any], around: Any = lambda state: state) -> Path:
    """A torch file of these arrays; `around` puts the state_dict into something."""
    state, storages = state_of(arrays)
    path.write_bytes(zip_bytes(pickled(around(state)), storages))
    return path


def safetensors_bytes(header: Any, data: bytes = b"") -> bytes:
    """A safetensors file around a header, which may be raw bytes."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def write_safetensors(path: Path, arrays: Mapping[str, Any]) -> Path:
    header, data = {}, b""
    for name, array in arrays.items():
        kind = {"float32": "F32", "float16": "F16", "uint16": "BF16", "float64": "F64"}[str(array.dtype)]
        end = len(data) + array.nbytes
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [len(data), end]}
        data += array.tobytes()
    path.write_bytes(safetensors_bytes(header, data))
    return path
