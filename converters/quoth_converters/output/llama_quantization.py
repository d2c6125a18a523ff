"""Quantizing a GGUF with llama.cpp: what it would come to, what to choose, and doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, QuothError, StorageError, escaped
from quoth.gguf import Header, read_header
from quoth.gguf.tables import ALIGNMENT, FILE_TYPES, TENSOR_TYPES, stored_size
from quoth.platform import safe_files
from quoth.workers.protocol import Quantize
from quoth_converters.llama_process import LlamaProcess, Progress, QuantizedTensors
from quoth_converters.output import verification_keys
from quoth_converters.output.writer import refuse, replacing

# What needs no importance matrix; IQ1, IQ2 and IQ3_XXS do.
TYPES: Final = (
    *("F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"),
    *("IQ4_NL", "IQ4_XS", "IQ3_M", "IQ3_S", "Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"),
)
PLANNED: Final = ("Q8_0", "Q6_K", "Q5_K_M", "Q5_0", "Q4_K_M", "IQ4_NL", "Q4_0", "Q3_K_M")
_TENSOR_TYPES: Final = frozenset(name for name, _, _ in TENSOR_TYPES.values())
_WHOLE: Final = ("F32", "F16", "BF16")
_TINY: Final = 8 << 20  # bytes at F16: not worth quantizing
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


def plan(path: Path, types: Iterable[str] = PLANNED) -> list[Plan]:
    """What a GGUF would come to at each of some quantizations, by a dry run of llama.cpp; nothing is written."""
    file = read_header(path)
    wanted = [_known(name) for name in types]
    target = path.with_suffix(".none")
    with LlamaProcess() as llama:
        return [_planned(llama, file, Quantize(path, target, name)) for name in wanted]


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
) -> Plan:
    """Write a GGUF at another quantization; returns what it came to. On failure, only what was there before is left."""
    name, file = _known(type), read_header(source)
    quantized = sorted({tensor.type_name for tensor in file.tensors}.difference(_WHOLE))
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
        verification_keys.fill(part, verification_keys.NOTHING)  # what was measured was measured of the source
        safe_files.flush(part)
        _check(part, file, tensors)
    return described(target)


def described(path: Path) -> Plan:
    """What an existing file comes to; its type is what its key says."""
    file = read_header(path)
    type = FILE_TYPES.get(file.integer("general.file_type", -1), "unknown")
    return _counted(file, type, {tensor.name: tensor.type_name for tensor in file.tensors}, file.size)


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


def _planned(llama: LlamaProcess, file: Header, request: Quantize) -> Plan:
    kinds = {name: after.upper() for name, _, after in _quantized(llama, request._replace(dry_run=True))}
    if kinds.keys() != file.by_name.keys():
        why = "llama.cpp does not say what becomes of it"
        raise ModelError(f"{escaped(request.source.name)} cannot be quantized", why)
    sizes = (_stored_size(kinds[tensor.name], tensor.elements) for tensor in file.tensors)
    size = file.data_offset + sum(-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)
    return _counted(file, request.quantization, kinds, size)


def _counted(file: Header, type: str, kinds: Mapping[str, str], size: int) -> Plan:
    stored = sum(_stored_size(kinds[tensor.name], tensor.elements) for tensor in file.tensors)
    return Plan(type, size, 8 * stored / max(1, file.parameters), dict(Counter(kinds.values()).most_common()))


def _quantized(
    llama: LlamaProcess, request: Quantize, progress: Progress = lambda done, total: None
) -> QuantizedTensors:
    try:
        return llama.quantize(request, progress)
    except QuothError as error:
        why = escaped(error.why or error.what)
        raise StorageError(f"{escaped(request.source.name)} cannot be quantized", why) from None


def _stored_size(type: str, elements: int) -> int:
    if type not in _TENSOR_TYPES:
        raise ModelError(f"there is no tensor type {escaped(type)}")
    return stored_size(type, elements)


def _check(part: Path, before: Header, tensors: QuantizedTensors) -> None:
    """Read it again, which holds every tensor against its size: the same ones, each of the type that was said."""
    wanted = {name: after.upper() for name, _, after in tensors}
    found = read_header(part).by_name
    for tensor in before.tensors:
        now = found.get(tensor.name)
        if now is None or (now.shape, now.type_name) != (tensor.shape, wanted[tensor.name]):
            what = f"{escaped(part.name)} was not written correctly"
            raise StorageError(what, f"tensor {escaped(tensor.name)}")
    if len(found) != len(before.tensors):
        raise StorageError(f"{escaped(part.name)} was not written correctly", "it has other tensors")
