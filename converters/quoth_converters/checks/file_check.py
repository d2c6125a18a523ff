"""Whether a file has the tensors and keys that its checkpoint asks for, and in them the checkpoint's values."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np

from quoth.errors import ModelError, escaped
from quoth_converters.checks.report import Check, Level
from quoth_converters.conversion import Described
from quoth_converters.formats.tensors import slabs
from quoth_converters.output.gguf_file import GGUFFile, TensorEntry, read_gguf, type_name
from quoth_converters.output.writer import GGML_TYPES, OutType, cast
from quoth_converters.spec import ModelSpec, Scalar, TensorSpec, check, evaluate

_WHOLE: Final = {number: name for name, number in GGML_TYPES.items()}


def stored_as(path: Path) -> str:
    """How a file's matrices are stored: F32, F16, BF16, or the commonest quantized type."""
    file = read_gguf(path)
    sizes: Counter[int] = Counter()
    for entry in file.tensors.values():
        if len(entry.shape) > 1:
            sizes[entry.type] += math.prod(entry.shape)
    if not sizes:
        return "F32"
    return type_name(sizes.most_common(1)[0][0])


def check_tensors(described: Described) -> Check:
    """Every tensor of the source used once or named as dropped, every shape as the settings demand."""
    spec, source = described.spec, described.source
    try:
        check(spec, source)
    except ModelError as error:
        return Check("tensors", False, "they are not accounted for", failing=str(error))
    dropped = f", {len(spec.dropped)} dropped by name" if spec.dropped else ""
    return Check("tensors", True, f"{len(source.tensors)} of {len(source.tensors)} accounted for{dropped}")


def check_structure(described: Described, path: Path, level: Level) -> Check:
    """The file's keys and tensors against the specification; in `full`, every value of those that are not quantized."""
    spec = described.spec
    try:
        file = read_gguf(path)
    except ModelError as error:
        return Check("structure", False, "it cannot be read again", failing=str(error))
    failing = _wrong_keys(spec, file) or _wrong_tensors(spec, file)
    compared = 0
    if not failing and level == "full":
        for tensor in spec.tensors:
            if (entry := file.tensors.get(tensor.name)) and entry.type in _WHOLE:
                compared += 1
                failing = failing or _wrong_values(described, tensor, entry, path)
    said = f"{len(file.tensors)} tensors and {len(file.keys)} keys as they must be"
    said += f", {compared} with the checkpoint's values" if compared else ""
    return Check("structure", not failing, said if not failing else "not as it must be", failing=failing)


def _wrong_keys(spec: ModelSpec, file: GGUFFile) -> str:
    wanted: dict[str, Scalar] = {f"{spec.architecture}.{name}": value for name, value in spec.hyperparameters.items()}
    found = file.keys.get("general.architecture")
    if found != spec.architecture:
        return f"general.architecture is {escaped(found)} and must be {spec.architecture}"
    for key, value in wanted.items():
        if key in file.keys and not _alike(file.keys[key], value):
            return f"{escaped(key)} is {escaped(file.keys[key])} and must be {escaped(value)}"
    return ""


def _alike(found: object, value: Scalar) -> bool:
    if isinstance(value, float) and isinstance(found, (int, float)):
        return math.isclose(found, value, rel_tol=1e-6)
    return found == value


def _wrong_tensors(spec: ModelSpec, file: GGUFFile) -> str:
    """Names and shapes; rows for padding tokens may be more, and a tied head may be written out."""
    rows = len(spec.vocabulary)
    for tensor in spec.tensors:
        entry = file.tensors.get(tensor.name)
        if entry is None:
            return f"{tensor.name} is missing"
        padded = tensor.shape[0] == rows and entry.shape[1:] == tensor.shape[1:] and entry.shape[0] > rows
        if entry.shape != tensor.shape and not padded:
            return f"{tensor.name} is {entry.shape} and must be {tensor.shape}"
    extra = file.tensors.keys() - {tensor.name for tensor in spec.tensors} - {"output.weight", "rope_freqs.weight"}
    return f"{escaped(min(extra))} has no place" if extra else ""


def _wrong_values(described: Described, tensor: TensorSpec, entry: TensorEntry, path: Path) -> str:
    outtype: OutType = _WHOLE[entry.type]
    dtype = np.dtype({"f32": "<f4", "f16": "<f2", "bf16": "<u2"}[outtype])
    if entry.offset + math.prod(entry.shape) * dtype.itemsize > path.stat().st_size:
        return f"{tensor.name} reaches past the end of the file"
    stored = np.memmap(path, dtype, "r", entry.offset, entry.shape)
    values, at = evaluate(tensor.value, described.source.tensors), 0
    for slab in slabs(values):
        wanted = cast(slab, outtype)
        found = stored[at : at + len(slab)]
        if not np.array_equal(wanted, found):
            row = int(np.argwhere(wanted.reshape(-1) != found.reshape(-1))[0, 0])
            place = np.unravel_index(row, wanted.shape)
            index = [int(place[0]) + at, *map(int, place[1:])]
            return f"{tensor.name}{index} is {found[place]} and must be {wanted[place]}"
        at += len(slab)
    return ""
