"""Read llama2.c's model files: version 0 (seven numbers, no mark) and version 1 (marked "ak42"), both of float32.

Source: legacy_export and version1_export of llama2.c's export.py. Tensors get the names that its model.py has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.stacked import Piece, bounded, cut
from quoth_converters.formats.tensors import LazyTensor

_MAGIC: Final = struct.pack("<I", 0x616B3432)
_HEADER: Final = 256  # bytes, in version 1
_NUMBERS: Final = struct.Struct("<7i")
_SIZES: Final = ("dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "max_seq_len")
_MOST: Final = dict(zip(_SIZES, (1 << 16, 1 << 18, 512, 1024, 1024, 1 << 22, 1 << 24), strict=True))
_ATTENTION: Final = ("attention.wq", "attention.wk", "attention.wv", "attention.wo")
_FEED_FORWARD: Final = ("feed_forward.w1", "feed_forward.w2", "feed_forward.w3")


def is_llama2c(start: bytes) -> bool:
    """Whether a file begins as llama2.c's models do; those without a mark are known by numbers that fit together."""
    if start[:4] == _MAGIC:
        return True
    if len(start) < _NUMBERS.size:
        return False
    sizes = _sizes(start)
    return all(1 <= size <= _MOST[name] for name, size in sizes.items()) and _fit(sizes)


def read_llama2c(path: Path) -> tuple[dict[str, Any], dict[str, LazyTensor]]:
    """The settings under `model_args`, as in a ckpt.pt of llama2.c, and the tensors."""
    with path.open("rb") as file:
        header = file.read(_HEADER).ljust(_HEADER, b"\0")
    if header[:4] != _MAGIC:
        sizes, shared = _sizes(header), _NUMBERS.unpack_from(header)[5] > 0
        return {"model_args": sizes}, cut(path, _NUMBERS.size, _version_0(sizes, shared), "F32", "llama2.c")
    version, sizes = struct.unpack_from("<i", header, 4)[0], _sizes(header, 8)
    if version != 1:
        why = f"it is version {version}, whose weights are quantized already" if version == 2 else f"version {version}"
        raise ModelError(f"{escaped(path.name)} is of a version that is not read", why, "Export version 0 or 1")
    bounded(path, sizes, _MOST, "llama2.c")
    if not _fit(sizes):
        raise ModelError(f"{escaped(path.name)} is not a good llama2.c file", "its heads do not fill its width")
    shared = header[8 + _NUMBERS.size] != 0
    return {"model_args": sizes}, cut(path, _HEADER, _version_1(sizes, shared), "F32", "llama2.c")


def _sizes(header: bytes, offset: int = 0) -> dict[str, int]:
    """The seven numbers; in version 0 a vocabulary below zero says that the head is not the embedding."""
    sizes = dict(zip(_SIZES, _NUMBERS.unpack_from(header, offset), strict=True))
    return {**sizes, "vocab_size": abs(sizes["vocab_size"])}


def _fit(sizes: dict[str, int]) -> bool:
    return sizes["dim"] % sizes["n_heads"] == 0 and sizes["n_heads"] % sizes["n_kv_heads"] == 0


def _version_0(sizes: dict[str, int], shared: bool) -> Iterator[Piece]:
    head = sizes["dim"] // sizes["n_heads"]
    yield from _outer("tok_embeddings", sizes)
    yield from _layers(("attention_norm", *_ATTENTION, "ffn_norm", *_FEED_FORWARD), sizes)
    yield "norm.weight", (sizes["dim"],)
    for name in ("freqs_cos", "freqs_sin"):
        yield name, (sizes["max_seq_len"], head // 2)
    if not shared:
        yield from _outer("output", sizes)


def _version_1(sizes: dict[str, int], shared: bool) -> Iterator[Piece]:
    yield from _layers(("attention_norm", "ffn_norm"), sizes)
    yield "norm.weight", (sizes["dim"],)
    yield from _outer("tok_embeddings", sizes)
    yield from _layers((*_ATTENTION, *_FEED_FORWARD), sizes)
    if not shared:
        yield from _outer("output", sizes)


def _outer(name: str, sizes: dict[str, int]) -> Iterator[Piece]:
    yield f"{name}.weight", (sizes["vocab_size"], sizes["dim"])


def _layers(names: tuple[str, ...], sizes: dict[str, int]) -> Iterator[Piece]:
    """Each kind for all the layers."""
    dim, hidden = sizes["dim"], sizes["hidden_dim"]
    keys = dim // sizes["n_heads"] * sizes["n_kv_heads"]
    shapes: dict[str, tuple[int, ...]] = {
        "attention_norm": (dim,),
        "ffn_norm": (dim,),
        "attention.wq": (dim, dim),
        "attention.wk": (keys, dim),
        "attention.wv": (keys, dim),
        "attention.wo": (dim, dim),
        "feed_forward.w1": (hidden, dim),
        "feed_forward.w2": (dim, hidden),
        "feed_forward.w3": (hidden, dim),
    }
    for name in names:
        for layer in range(sizes["n_layers"]):
            yield f"layers.{layer}.{name}.weight", shapes[name]
