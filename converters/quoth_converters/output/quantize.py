"""Quantizing a GGUF with llama.cpp: what it would come to, what to choose, and doing it."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gguf

from quoth.errors import ModelError, QuothError, StorageError, escaped
from quoth.workers.protocol import Quantize
from quoth_converters.llama_process import LlamaProcess, Progress, QuantizedTensors
from quoth_converters.output import record
from quoth_converters.output.gguf_file import GGUFFile, read_gguf, type_name
from quoth_converters.output.writer import refuse, replacing

# What needs no importance matrix; IQ1, IQ2 and IQ3_XXS do.
TYPES: Final = (
    *("F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"),
    *("IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"),
)
PLANNED: Final = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_0", "Q4_K_M", "IQ4_NL", "Q4_0", "Q3_K_M")
_FILE_TYPES: Final = {int(item): item.name.removeprefix("MOSTLY_").removeprefix("ALL_") for item in gguf.LlamaFileType}
_TENSOR_TYPES: Final = {item.name.upper(): item for item in gguf.GGMLQuantizationType}
_WHOLE: Final = ("F32", "F16", "BF16")
_ALIGNMENT: Final = 32  # of each tensor's bytes
_TINY: Final = 8 << 20  # bytes at F16: there is nothing to win
_SMALL: Final = 100_000_000  # parameters: four bits cost such a model too much
_TRY: Final = f"Give one of {', '.join(TYPES)}"

Overrides = Sequence[tuple[str, str]]  # regular expression over a tensor's name, ggml type ("q8_0")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file comes to at a quantization: bytes, bits per weight, and how many tensors get which type.

    Where llama.cpp's type does not fit a tensor's rows (256 or 32 at a time) it takes a larger one: `tensors` says.
    """

    type: str
    size: int
    bits_per_weight: float
    tensors: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A file that was written; `requantized` says that it was made from weights that had lost something already."""

    path: Path
    plan: Plan
    requantized: bool = False


def plan(path: Path, types: Iterable[str] = PLANNED, *, overrides: Overrides = ()) -> list[Plan]:
    """What a GGUF would come to at each of some quantizations, by a dry run of llama.cpp; nothing is written."""
    file = read_gguf(path)
    wanted = [_known(name) for name in types]
    target = path.with_suffix(".none")
    with LlamaProcess() as llama:
        return [_planned(llama, file, Quantize(path, target, name, tuple(overrides))) for name in wanted]


def recommended(plans: Sequence[Plan], n_params: int) -> Plan | None:
    """The plan to take; None where the file is best left as it is, a few megabytes of F16.

    Blocks of 256 (K) are better where rows are made of them; where Q4_K_M comes out larger than Q5_0 they are not.
    """
    by_type = {plan.type: plan for plan in plans}
    if 2 * n_params < _TINY or not plans:
        return None
    ladder: tuple[str, ...] = ("Q8_0",)
    if n_params >= _SMALL:
        ladder = ("Q4_K_M", "Q5_K_M", "Q8_0") if _fits_256(by_type) else ("IQ4_NL", "Q5_0", "Q8_0")
    return next((by_type[name] for name in ladder if name in by_type), None)


def quantize(
    source: Path,
    target: Path,
    type: str,
    *,
    overrides: Overrides = (),
    requantize: bool = False,
    force: bool = False,
    threads: int = 0,
    progress: Progress = lambda done, total: None,
) -> Quantized:
    """Write a GGUF at another quantization. Where that fails, only what was there before is left."""
    name, file = _known(type), read_gguf(source)
    before = {type_name(entry.type) for entry in file.tensors.values()}
    quantized = sorted(before.difference(_WHOLE))
    if quantized and not requantize:
        why = f"it has {', '.join(quantized)}: what they lost would be lost twice"
        raise ModelError(f"{escaped(source.name)} is quantized already", why, "Give the F16 file, or --requantize")
    if target.exists() and target.samefile(source):
        raise ModelError(f"{escaped(target)} is the file to quantize itself", "", "Give another name")
    with replacing(target, force) as part:
        with LlamaProcess() as llama:
            request = Quantize(source, part, name, tuple(overrides), threads)
            refuse(target, force, _planned(llama, file, request).size)
            tensors = _quantized(llama, request, progress)
        record.fill(part, record.NOTHING)  # what was measured was measured of the source
        with part.open("r+b") as written:
            os.fsync(written.fileno())
        _check(part, file, tensors)
    return Quantized(target, described(target), bool(quantized))


def described(path: Path) -> Plan:
    """What an existing file comes to; its type is what its key says."""
    file = read_gguf(path)
    number = file.keys.get("general.file_type")
    type = _FILE_TYPES.get(number, "unknown") if isinstance(number, int) else "unknown"
    kinds = {name: type_name(entry.type) for name, entry in file.tensors.items()}
    return _counted(file, type, kinds, file.size)


def _known(type: str) -> str:
    name = type.upper()
    if name not in TYPES:
        raise ModelError(f"there is no quantization {escaped(type)}", "", _TRY)
    return name


def _fits_256(plans: Mapping[str, Plan]) -> bool:
    k, plain = plans.get("Q4_K_M"), plans.get("Q5_0")
    if k and plain:
        return k.bits_per_weight < plain.bits_per_weight
    return k is not None and k.tensors.get("Q5_0", 0) <= k.tensors.get("Q4_K", 0)


def _planned(llama: LlamaProcess, file: GGUFFile, request: Quantize) -> Plan:
    kinds = {name: after.upper() for name, _, after in _quantized(llama, request._replace(dry_run=True))}
    if kinds.keys() != file.tensors.keys():
        raise ModelError(
            f"{escaped(request.source.name)} cannot be quantized", "llama.cpp does not say what becomes of it"
        )
    start = min((entry.offset for entry in file.tensors.values()), default=file.size)
    sizes = [_bytes(kinds[tensor], entry.shape) for tensor, entry in file.tensors.items()]
    return _counted(
        file, request.quantization, kinds, start + sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
    )


def _counted(file: GGUFFile, type: str, kinds: Mapping[str, str], size: int) -> Plan:
    elements = sum(math.prod(entry.shape) for entry in file.tensors.values())
    stored = sum(_bytes(kinds[name], entry.shape) for name, entry in file.tensors.items())
    return Plan(type, size, 8 * stored / max(1, elements), dict(Counter(kinds.values()).most_common()))


def _quantized(
    llama: LlamaProcess, request: Quantize, progress: Progress = lambda done, total: None
) -> QuantizedTensors:
    try:
        return llama.quantize(request, progress)
    except QuothError as error:
        why = escaped(error.why or error.what)
        raise StorageError(f"{escaped(request.source.name)} cannot be quantized", why) from None


def _bytes(kind: str, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor of a ggml type."""
    if kind.upper() not in _TENSOR_TYPES:
        raise ModelError(f"there is no tensor type {escaped(kind)}")
    block, size = gguf.GGML_QUANT_SIZES[_TENSOR_TYPES[kind.upper()]]
    return math.prod(shape) // block * size


def _check(part: Path, before: GGUFFile, tensors: Sequence[tuple[str, str, str]]) -> None:
    """Read it again: the same tensors, each of the type that was said, with room for its bytes."""
    file, kinds = read_gguf(part), {name: after for name, _, after in tensors}
    for name, entry in before.tensors.items():
        found = file.tensors.get(name)
        whole = found is not None and found.shape == entry.shape and type_name(found.type) == kinds[name].upper()
        if found is None or not whole or found.offset + _bytes(kinds[name], entry.shape) > file.size:
            raise StorageError(f"{escaped(part.name)} did not come out as it was written", f"tensor {escaped(name)}")
    if len(file.tensors) != len(before.tensors):
        raise StorageError(f"{escaped(part.name)} did not come out as it was written", "it has other tensors")
