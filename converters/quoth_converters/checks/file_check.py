"""Whether a file has the tensors and keys that its checkpoint asks for, and in them the checkpoint's values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from quoth.errors import ModelError, escaped
from quoth.gguf import Header, Tensor
from quoth_converters.checks.verification_report import Check, Level
from quoth_converters.formats.tensors import slabs
from quoth_converters.output.writer import GGML_TYPES, OutType, cast
from quoth_converters.pipeline import Described
from quoth_converters.spec import ModelSpec, Scalar, TensorSpec, check, evaluate

_WHOLE: Final = {number: name for name, number in GGML_TYPES.items()}


def stored_as(file: Header) -> str:
    """How a file's matrices are stored: F32, F16, BF16, or the commonest quantized type."""
    sizes: Counter[str] = Counter()
    for tensor in file.tensors:
        if len(tensor.shape) > 1:
            sizes[tensor.type_name] += tensor.elements
    return sizes.most_common(1)[0][0] if sizes else "F32"


def check_tensors(described: Described) -> Check:
    """Every tensor of the source used once or named as dropped, every shape as the settings demand."""
    spec, source = described.spec, described.source
    try:
        check(spec, source)
    except ModelError as error:
        return Check("tensors", False, "they are not accounted for", failing=str(error))
    dropped = f", {len(spec.dropped)} dropped by name" if spec.dropped else ""
    return Check("tensors", True, f"{len(source.tensors)} of {len(source.tensors)} accounted for{dropped}")


def check_structure(described: Described, file: Header, level: Level) -> Check:
    """The file's keys and tensors against the specification; in `full`, every value of those that are not quantized."""
    spec, found, compared = described.spec, file.by_name, 0
    failing = _wrong_keys(spec, file) or _wrong_tensors(spec, found)
    if not failing and level == "full":
        for tensor in spec.tensors:
            if (stored := found[tensor.name]).type in _WHOLE:
                compared += 1
                failing = failing or _wrong_values(described, tensor, stored, file)
    said = f"{len(found)} tensors and {len(file.metadata) + len(file.arrays)} keys as they must be"
    said += f", {compared} with the checkpoint's values" if compared else ""
    return Check("structure", not failing, said if not failing else "not as it must be", failing=failing)


def _wrong_keys(spec: ModelSpec, file: Header) -> str:
    if file.architecture != spec.architecture:
        return f"general.architecture is {escaped(file.architecture)} and must be {spec.architecture}"
    for name, value in spec.hyperparameters.items():
        found = file.value(file.own(name))
        if found is not None and not _alike(found, value):
            return f"{file.own(name)} is {escaped(found)} and must be {escaped(value)}"
    return ""


def _alike(found: object, value: Scalar) -> bool:
    if isinstance(value, float) and isinstance(found, (int, float)):
        return math.isclose(found, value, rel_tol=1e-6)
    return found == value


def _wrong_tensors(spec: ModelSpec, found: Mapping[str, Tensor]) -> str:
    """Names and shapes; rows for padding tokens may be more, and a tied head may be written out."""
    rows = len(spec.vocabulary)
    for tensor in spec.tensors:
        if tensor.name not in found:
            return f"{tensor.name} is missing"
        shape = found[tensor.name].rows_first
        padded = tensor.shape[0] == rows and shape[1:] == tensor.shape[1:] and shape[0] > rows
        if shape != tensor.shape and not padded:
            return f"{tensor.name} is {shape} and must be {tensor.shape}"
    extra = found.keys() - {tensor.name for tensor in spec.tensors} - {"output.weight", "rope_freqs.weight"}
    return f"{escaped(min(extra))} has no place" if extra else ""


def _wrong_values(described: Described, tensor: TensorSpec, found: Tensor, file: Header) -> str:
    outtype: OutType = _WHOLE[found.type]
    dtype = np.dtype({"f32": "<f4", "f16": "<f2", "bf16": "<u2"}[outtype])
    stored = np.memmap(file.path, dtype, "r", file.data_offset + found.offset, found.rows_first)
    values, at = evaluate(tensor.value, described.source.tensors), 0
    for slab in slabs(values):
        wanted = cast(slab, outtype)
        there = stored[at : at + len(slab)]
        if not np.array_equal(wanted, there):
            row = int(np.argwhere(wanted.reshape(-1) != there.reshape(-1))[0, 0])
            place = np.unravel_index(row, wanted.shape)
            index = [int(place[0]) + at, *map(int, place[1:])]
            return f"{tensor.name}{index} is {there[place]} and must be {wanted[place]}"
        at += len(slab)
    return ""
