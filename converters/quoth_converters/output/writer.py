"""Write a model's GGUF: one tensor at a time into a `.part` beside the target, checked again, then renamed."""

from __future__ import annotations

import math
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np

from quoth.errors import ModelError, StorageError, escaped
from quoth.gguf import Header, read_header
from quoth.gguf.tables import ALIGNMENT
from quoth.platform import safe_files
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import Array, Floats, slabs
from quoth_converters.output.gguf_header import header
from quoth_converters.spec import ModelSpec, Scalar, TensorSpec, evaluate, taken
from quoth_converters.vocab import ROLE_KEYS, Vocabulary

OutType = Literal["f32", "f16", "bf16"]
Progress = Callable[[int, int], None]  # bytes of tensors written, and of all
Text = Callable[[], str]  # of ASCII, known when the tensors are written

FILE_TYPES: Final[Mapping[OutType, int]] = {"f32": 0, "f16": 1, "bf16": 32}  # LLAMA_FTYPE_* in llama.h
GGML_TYPES: Final[Mapping[OutType, int]] = {"f32": 0, "f16": 1, "bf16": 30}  # GGML_TYPE_* in ggml.h
_SIZES: Final[Mapping[OutType, int]] = {"f32": 4, "f16": 2, "bf16": 2}
_ALWAYS_F32: Final = ("position_embd.weight",)  # llama.cpp adds it to F32 values
_BEYOND_F16: Final = 65520.0  # rounds to infinity
_LENGTH: Final = 8  # bytes in front of a text
_THREADS: Final = min(4, os.cpu_count() or 1)  # of numpy, which lets go of Python's lock while it casts
_SLACK: Final = 64 << 20  # bytes a disk must have beyond the tensors


def write(
    spec: ModelSpec,
    source: Source,
    target: Path,
    *,
    outtype: OutType,
    metadata: Mapping[str, Scalar],
    later: Mapping[str, tuple[int, Text]],
    force: bool,
    progress: Progress,
) -> None:
    """Write the file. Whatever goes wrong, nothing is left but what was there before.

    `later` are further keys of the metadata: the length of each text, and what gives it.
    """
    refuse(target, force, sum(stored_size(tensor, outtype) for tensor in spec.tensors))
    with replacing(target, force) as part:
        about = {**metadata, **{key: "?" * length for key, (length, _) in later.items()}}
        with part.open("wb") as out:
            entries = (
                (t.name, t.shape, GGML_TYPES[type_of(t, outtype)], stored_size(t, outtype)) for t in spec.tensors
            )
            out.write(header({**keys(spec, outtype), **about}, entries))
            _write_tensors(out, spec, source, outtype, progress)
        file = _check(spec, part, outtype, about)
        _complete(part, {file.places[key]: text() for key, (_, text) in later.items()})


@contextmanager
def replacing(target: Path, force: bool) -> Iterator[Path]:
    """A part beside a target, which takes its place when the block succeeds and is removed when it fails.

    Raises StorageError for what the disk says, or for a target that has appeared meanwhile.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        refuse(target, force)
        os.replace(part, target)
    except OSError as error:
        raise StorageError(f"{escaped(target)} could not be written", escaped(error.strerror or error)) from None
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    with suppress(OSError):  # some file systems have no such call
        safe_files.flush_folder(target.parent)


def type_of(tensor: TensorSpec, outtype: OutType) -> OutType:
    """What a tensor is stored as: norms, biases and positions stay F32."""
    return "f32" if len(tensor.shape) == 1 or tensor.name in _ALWAYS_F32 else outtype


def stored_size(tensor: TensorSpec, outtype: OutType) -> int:
    """Bytes of a tensor in the file."""
    return int(np.prod(tensor.shape, dtype=np.int64)) * _SIZES[type_of(tensor, outtype)]


def refuse(target: Path, force: bool, needed: int = 0) -> None:
    """Raise StorageError if the target exists, or the disk has too few bytes left."""
    if target.is_dir() or (target.exists() and not force):
        try_ = "Give another name" if target.is_dir() else "Give another name, or --force to replace it"
        raise StorageError(f"{escaped(target)} exists", "", try_)
    try:
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise StorageError(f"{escaped(target)} could not be written", escaped(error.strerror or error)) from None
    if needed and free < (wanted := needed + _SLACK):
        raise StorageError("the disk is too full", f"{wanted >> 20:,} MiB are needed and {free >> 20:,} MiB are free")


def keys(spec: ModelSpec, outtype: OutType) -> dict[str, Scalar | list[Any]]:
    """All keys of the file but those about its origin."""
    return {
        "general.architecture": spec.architecture,
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


def _checked(tensor: TensorSpec, slab: Floats, outtype: OutType) -> Array:
    """A slab as it is stored. Raises ModelError unless its type can hold every value."""
    stored_as = type_of(tensor, outtype)
    least, most = (float(slab.min()), float(slab.max())) if slab.size else (0.0, 0.0)  # NaN is both of any
    name = ", ".join(taken(tensor.value)) or tensor.name
    if not math.isfinite(least) or not math.isfinite(most):
        why = "NaN or infinity; training diverged"
        raise ModelError(f"tensor {escaped(name)} has values that are not finite numbers", why)
    if stored_as == "f16" and max(most, -least) >= _BEYOND_F16:
        why = f"it has {max(most, -least):.4g}"
        raise ModelError(f"tensor {escaped(name)} does not fit F16", why, "Give --outtype bf16 or f32")
    return cast(slab, stored_as)


def cast(slab: Floats, outtype: OutType) -> Array:
    if outtype == "f32":
        return np.ascontiguousarray(slab, "<f4")
    if outtype == "f16":
        return np.ascontiguousarray(slab.astype("<f2"))  # cast in the order it lies in, then turned: half the bytes
    bits = np.ascontiguousarray(slab).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")  # to the nearest, ties to even


def _write_tensors(file: BinaryIO, spec: ModelSpec, source: Source, outtype: OutType, progress: Progress) -> None:
    total = sum(stored_size(tensor, outtype) for tensor in spec.tensors)
    done = 0
    with ThreadPoolExecutor(_THREADS, "cast") as threads:
        for is_first, stored in _ahead(threads, spec, source, outtype):
            file.write(bytes(-file.tell() % ALIGNMENT) if is_first else b"")
            file.write(stored.data)
            done += stored.nbytes
            progress(done, total)
    file.write(bytes(-file.tell() % ALIGNMENT))


def _ahead(threads: Executor, spec: ModelSpec, source: Source, outtype: OutType) -> Iterator[tuple[bool, Array]]:
    """The slabs of all tensors in order, as they are stored, and whether each is its tensor's first.

    The next ones, as many as there are threads, are cast meanwhile.
    """
    begun = deque[tuple[bool, Future[Array]]]()
    for tensor in spec.tensors:
        for number, slab in enumerate(slabs(evaluate(tensor.value, source.tensors))):
            begun.append((number == 0, threads.submit(_checked, tensor, slab, outtype)))
            if len(begun) > _THREADS:
                is_first, stored = begun.popleft()
                yield is_first, stored.result()
    for is_first, stored in begun:
        yield is_first, stored.result()


def _complete(part: Path, texts: Mapping[int, str]) -> None:
    """Write texts over their placeholders, and flush the file to the disk."""
    with part.open("r+b") as file:
        for place, text in texts.items():
            file.seek(place + _LENGTH)
            file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def _check(spec: ModelSpec, part: Path, outtype: OutType, metadata: Mapping[str, Scalar]) -> Header:
    """Read the file again, which holds every tensor against its size: types, shapes, and every key with its value."""
    file = read_header(part)
    keys_found, tensors = {*file.metadata, *file.arrays}, file.by_name
    wanted = {**keys(spec, outtype), **metadata}
    wrong = [f"key {escaped(key)}" for key, value in wanted.items() if not _equal(file.value(key), value)]
    wrong += [f"key {escaped(key)}" for key in keys_found - wanted.keys()]
    for tensor in spec.tensors:
        found, type_id = tensors.get(tensor.name), GGML_TYPES[type_of(tensor, outtype)]
        if found is None or (found.type, found.rows_first) != (type_id, tensor.shape):
            wrong.append(f"tensor {tensor.name}")
    if wrong or len(tensors) != len(spec.tensors):
        raise StorageError(f"{escaped(part.name)} was not written correctly", ", ".join(wrong[:3]))
    return file


def _equal(found: object, value: Scalar | list[Any]) -> bool:
    return found == (float(np.float32(value)) if isinstance(value, float) else value)
