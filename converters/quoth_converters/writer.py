"""Write a model's GGUF: one tensor at a time into a `.part` beside the target, checked again, then renamed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from quoth_converters.errors import Cancelled, ConvertError, OutputError, shown
from quoth_converters.gguf_file import read_gguf
from quoth_converters.source import Source
from quoth_converters.spec import ModelSpec, Scalar, TensorSpec, evaluate, taken
from quoth_converters.tensors import Array, Floats, slabs
from quoth_converters.vocab import ROLE_KEYS, Vocabulary

OutType = Literal["f32", "f16", "bf16"]
Progress = Callable[[int, int], None]  # bytes of tensors written, and of all

FILE_TYPES: Final[Mapping[OutType, int]] = {"f32": 0, "f16": 1, "bf16": 32}  # LLAMA_FTYPE_* in llama.h
GGML_TYPES: Final[Mapping[OutType, int]] = {"f32": 0, "f16": 1, "bf16": 30}  # GGML_TYPE_* in ggml.h
_SIZES: Final[Mapping[OutType, int]] = {"f32": 4, "f16": 2, "bf16": 2}
_ALWAYS_F32: Final = ("position_embd.weight",)  # llama.cpp adds it to F32 values
_BEYOND_F16: Final = 65520.0  # rounds to infinity
_SLACK: Final = 64 << 20  # bytes a disk must have beyond the tensors


def write(
    spec: ModelSpec,
    source: Source,
    target: Path,
    *,
    outtype: OutType = "f16",
    metadata: Mapping[str, Scalar] | None = None,
    force: bool = False,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Write the file and give its size in bytes. Whatever goes wrong, nothing is left but what was there before."""
    refuse(target, force, sum(stored_size(tensor, outtype) for tensor in spec.tensors))
    with replacing(target, force) as part:
        writer = _writer(spec, part, outtype, metadata or {})
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            _write_tensors(writer, spec, source, outtype, progress, cancelled)
            size = _synced(writer.fout[0])
        finally:
            writer.close()
        _check(spec, part, outtype, metadata or {})
    return size


@contextmanager
def replacing(target: Path, force: bool) -> Iterator[Path]:
    """A part beside a target, which takes its place when the block ends well; else nothing is left of it.

    Raises OutputError for what the disk says, or for a target that has appeared meanwhile.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        refuse(target, force)
        os.replace(part, target)
    except OSError as error:
        raise OutputError(f"{shown(target)} could not be written", shown(error.strerror or error)) from None
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    sync_folder(target.parent)


def type_of(tensor: TensorSpec, outtype: OutType) -> OutType:
    """What a tensor is stored as: norms, biases and positions stay F32."""
    return "f32" if len(tensor.shape) == 1 or tensor.name in _ALWAYS_F32 else outtype


def stored_size(tensor: TensorSpec, outtype: OutType) -> int:
    """Bytes of a tensor in the file."""
    return int(np.prod(tensor.shape, dtype=np.int64)) * _SIZES[type_of(tensor, outtype)]


def refuse(target: Path, force: bool, needed: int = 0) -> None:
    """OutputError where something stands already, or the disk has not that many bytes left."""
    import shutil

    if target.is_dir() or (target.exists() and not force):
        try_ = "Give another name" if target.is_dir() else "Give another name, or --force to replace it"
        raise OutputError(f"{shown(target)} exists", "", try_)
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise OutputError(f"{shown(target)} could not be written", shown(error.strerror or error)) from None
    if needed and free < needed + _SLACK:
        raise OutputError("the disk is too full", f"{needed >> 20:,} MiB are needed and {free >> 20:,} MiB are free")


def _writer(spec: ModelSpec, part: Path, outtype: OutType, metadata: Mapping[str, Scalar]) -> Any:
    """gguf's writer, with the keys and the list of tensors; it opens the file when it writes its header."""
    import gguf

    writer = gguf.GGUFWriter(part, spec.architecture)
    for key, value in {**keys(spec, outtype), **metadata}.items():
        _add(writer, key, value)
    for tensor in spec.tensors:
        kind = gguf.GGMLQuantizationType(GGML_TYPES[type_of(tensor, outtype)])
        # The dtype given is looked at for packed bytes alone; the raw type stands.
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), stored_size(tensor, outtype), raw_dtype=kind
        )
    return writer


def keys(spec: ModelSpec, outtype: OutType) -> dict[str, Scalar | list[Any]]:
    """All keys of the file but those about its making; `general.architecture` is the writer's own."""
    return {
        "general.type": "model",
        "general.file_type": FILE_TYPES[outtype],
        "general.quantization_version": 2,  # GGML_QNT_VERSION
        **{f"{spec.architecture}.{name}": value for name, value in spec.hyperparameters.items()},
        **_tokenizer_keys(spec.vocabulary),
        "quoth.kind": spec.kind,
    }


def _tokenizer_keys(vocabulary: Vocabulary) -> dict[str, Scalar | list[Any]]:
    found: dict[str, Scalar | list[Any] | None] = {
        "model": vocabulary.model,
        "pre": vocabulary.pre,
        "tokens": list(vocabulary.tokens),
        "token_type": [int(kind) for kind in vocabulary.types],
        "scores": list(vocabulary.scores),
        "merges": list(vocabulary.merges),
        **{ROLE_KEYS[role]: token for role, token in vocabulary.special.items()},
        "add_bos_token": vocabulary.add_bos,
        "add_eos_token": vocabulary.add_eos,
        "add_space_prefix": vocabulary.add_space_prefix,
        "suppress_tokens": list(vocabulary.suppressed),
    }
    templates = {f"chat_template.{name}": text for name, text in vocabulary.named_templates.items()}
    if vocabulary.chat_template:
        templates["chat_template"] = vocabulary.chat_template
    present = {f"tokenizer.ggml.{name}": value for name, value in found.items() if value not in (None, "", [])}
    return {**present, **{f"tokenizer.{name}": text for name, text in templates.items()}}


def _add(writer: Any, key: str, value: Scalar | list[Any]) -> None:
    match value:
        case bool():
            writer.add_bool(key, value)
        case str():
            writer.add_string(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case list():
            writer.add_array(key, value)


class _Stored:
    """A tensor as gguf's writer asks for it: its size, and its bytes into a file. Goes in slabs."""

    def __init__(self, tensor: TensorSpec, values: Floats, outtype: OutType, wrote: Callable[[int], None]) -> None:
        self.nbytes = stored_size(tensor, outtype)
        self._tensor = tensor
        self._values = values
        self._type = type_of(tensor, outtype)
        self._wrote = wrote

    def tofile(self, file: BinaryIO) -> None:
        for slab in slabs(self._values):
            self._check(slab)
            stored = cast(slab, self._type)
            file.write(stored.data)
            self._wrote(stored.nbytes)

    def byteswap(self, inplace: bool = False) -> _Stored:
        raise OutputError("a GGUF cannot be written on a big-endian machine")

    def _check(self, slab: Floats) -> None:
        """ConvertError unless every value is a number that the type can hold; NaN is the least and the most of any."""
        if not slab.size:
            return
        least, most = float(slab.min()), float(slab.max())
        name = ", ".join(taken(self._tensor.value)) or self._tensor.name
        if not math.isfinite(least) or not math.isfinite(most):
            why = "NaN or infinity; training diverged"
            raise ConvertError(f"tensor {shown(name)} has values that are no numbers", why)
        if self._type == "f16" and max(most, -least) >= _BEYOND_F16:
            why = f"it has {max(most, -least):.4g}"
            raise ConvertError(f"tensor {shown(name)} does not fit F16", why, "Give --outtype bf16 or f32")


def cast(slab: Floats, outtype: OutType) -> Array:
    if outtype == "f32":
        return np.ascontiguousarray(slab)
    if outtype == "f16":
        return np.ascontiguousarray(
            slab.astype(np.float16)
        )  # cast in the order it lies in, then turned: half the bytes
    bits = np.ascontiguousarray(slab).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)  # to the nearest, ties to even


def _write_tensors(
    writer: Any,
    spec: ModelSpec,
    source: Source,
    outtype: OutType,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> None:
    total = sum(stored_size(tensor, outtype) for tensor in spec.tensors)
    done = 0

    def wrote(count: int) -> None:
        nonlocal done
        if cancelled():
            raise Cancelled("the conversion was stopped")
        done += count
        progress(done, total)

    for tensor in spec.tensors:
        writer.write_tensor_data(_Stored(tensor, evaluate(tensor.value, source.tensors), outtype, wrote))


def _synced(file: BinaryIO) -> int:
    file.flush()
    os.fsync(file.fileno())
    return file.tell()


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder outlast a loss of power, where there is such a call."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some file systems have no such thing
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check(spec: ModelSpec, part: Path, outtype: OutType, metadata: Mapping[str, Scalar]) -> None:
    """Read the file again: every tensor with its type, shape and room for its bytes, every key with its value."""
    file = read_gguf(part)
    wanted = {**keys(spec, outtype), **metadata, "general.architecture": spec.architecture}
    wrong = [f"key {shown(key)}" for key, value in wanted.items() if not _equal(file.keys.get(key), value)]
    wrong += [f"key {shown(key)}" for key in file.keys if key not in wanted]
    for tensor in spec.tensors:
        entry, end = file.tensors.get(tensor.name), stored_size(tensor, outtype)
        type_id = GGML_TYPES[type_of(tensor, outtype)]
        if entry is None or (entry.type, entry.shape) != (type_id, tensor.shape) or entry.offset + end > file.size:
            wrong.append(f"tensor {tensor.name}")
    if wrong or len(file.tensors) != len(spec.tensors):
        raise OutputError(f"{shown(part.name)} did not come out as it was written", ", ".join(wrong[:3]))


def _equal(found: object, value: Scalar | list[Any]) -> bool:
    return found == (float(np.float32(value)) if isinstance(value, float) else value)
