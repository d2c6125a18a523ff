"""The model files of llm.c and llama2.c: numbers in a header, then each kind of weight for all layers, without names.

Sources: write_model of llm.c's train_gpt2.py and gpt2_write_to_checkpoint of its train_gpt2.cu; legacy_export and
version1_export of llama2.c's export.py. Tensors get the names that both have in Python.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.tensors import DTYPES, LazyTensor, Storage, Weights

Piece = tuple[str, tuple[int, ...]]  # a tensor's name and shape

_LLMC_MAGIC: Final = struct.pack("<i", 20240326)
_LLMC_HEADER: Final = 1024  # bytes
_LLMC_TYPES: Final = {3: "F32", 5: "BF16"}  # by version
_LLMC_MOST: Final = {  # its sizes in their order, and what each can be
    "max_seq_len": 1 << 24,
    "vocab_size": 1 << 22,
    "num_layers": 512,
    "num_heads": 1024,
    "channels": 1 << 20,
    "padded_vocab_size": 1 << 22,
}
# Of a layer, each a weight and a bias: GPT-2's name, rows and columns in units of the width; 0 columns for a vector.
_LLMC_LAYER: Final = (
    ("ln_1", 1, 0),
    ("attn.c_attn", 3, 1),
    ("attn.c_proj", 1, 1),
    ("ln_2", 1, 0),
    ("mlp.c_fc", 4, 1),
    ("mlp.c_proj", 1, 4),
)

_LLAMA2C_MAGIC: Final = struct.pack("<I", 0x616B3432)  # "ak42", from version 1 on
_LLAMA2C_HEADER: Final = 256  # bytes, in version 1
_LLAMA2C_SIZES: Final = struct.Struct("<7i")
_LLAMA2C_MOST: Final = {
    "dim": 1 << 16,
    "hidden_dim": 1 << 18,
    "n_layers": 512,
    "n_heads": 1024,
    "n_kv_heads": 1024,
    "vocab_size": 1 << 22,
    "max_seq_len": 1 << 24,
}
_NORMS: Final = ("attention_norm", "ffn_norm")
_ATTENTION: Final = ("attention.wq", "attention.wk", "attention.wv", "attention.wo")
_FEED_FORWARD: Final = ("feed_forward.w1", "feed_forward.w2", "feed_forward.w3")


def is_llmc(start: bytes) -> bool:
    """Whether a file begins as llm.c's models do."""
    return start[:4] == _LLMC_MAGIC


def is_llama2c(start: bytes) -> bool:
    """Whether a file begins as llama2.c's models do; those without a mark are known by numbers that fit together."""
    if start[:4] == _LLAMA2C_MAGIC:
        return True
    if len(start) < _LLAMA2C_SIZES.size:
        return False
    sizes = _llama2c_sizes(start)
    return all(1 <= size <= _LLAMA2C_MOST[name] for name, size in sizes.items()) and _heads_fit(sizes)


def read_llmc(path: Path) -> Weights:
    """The sizes in the header, and the tensors under GPT-2's names, [out, in] as nn.Linear has them."""
    _, version, *numbers = struct.unpack("<256i", _header(path, _LLMC_HEADER))
    if version not in _LLMC_TYPES:
        why = f"it is version {version}; 3 (float32) and 5 (bfloat16) are read"
        raise ModelError(f"{escaped(path.name)} is of another version of llm.c", why, "Write it again with its own")
    sizes = dict(zip(_LLMC_MOST, numbers, strict=False))
    _require_sizes(path, sizes, _LLMC_MOST, "llm.c")
    tensors = _cut(path, _LLMC_HEADER, _llmc_pieces(sizes), _LLMC_TYPES[version], "llm.c")
    return Weights(tensors, {"llm.c": sizes})


def read_llama2c(path: Path) -> Weights:
    """The settings under `model_args`, as in a ckpt.pt of llama2.c, and the tensors."""
    header = _header(path, _LLAMA2C_HEADER)
    if header[:4] != _LLAMA2C_MAGIC:  # version 0: the head is not the embedding where the vocabulary is below zero
        sizes, is_tied = _llama2c_sizes(header), _LLAMA2C_SIZES.unpack_from(header)[5] > 0
        pieces = _llama2c_pieces_0(sizes, is_tied)
        return Weights(_cut(path, _LLAMA2C_SIZES.size, pieces, "F32", "llama2.c"), {"model_args": sizes})
    version, sizes = struct.unpack_from("<i", header, 4)[0], _llama2c_sizes(header, 8)
    if version != 1:
        why = f"it is version {version}, whose weights are quantized already" if version == 2 else f"version {version}"
        raise ModelError(f"{escaped(path.name)} is of a version that Quoth does not read", why, "Export version 0 or 1")
    _require_sizes(path, sizes, _LLAMA2C_MOST, "llama2.c")
    if not _heads_fit(sizes):
        raise ModelError(f"{escaped(path.name)} is not a valid llama2.c file", "its heads do not fill its width")
    pieces = _llama2c_pieces_1(sizes, is_tied=header[8 + _LLAMA2C_SIZES.size] != 0)
    return Weights(_cut(path, _LLAMA2C_HEADER, pieces, "F32", "llama2.c"), {"model_args": sizes})


def _header(path: Path, size: int) -> bytes:
    """The first bytes, with zeros for those that a short file lacks."""
    with path.open("rb") as file:
        return file.read(size).ljust(size, b"\0")


def _llama2c_sizes(header: bytes, offset: int = 0) -> dict[str, int]:
    sizes = dict(zip(_LLAMA2C_MOST, _LLAMA2C_SIZES.unpack_from(header, offset), strict=True))
    return {**sizes, "vocab_size": abs(sizes["vocab_size"])}


def _heads_fit(sizes: Mapping[str, int]) -> bool:
    return sizes["dim"] % sizes["n_heads"] == 0 and sizes["n_heads"] % sizes["n_kv_heads"] == 0


def _require_sizes(path: Path, sizes: Mapping[str, int], most: Mapping[str, int], kind: str) -> None:
    """Raise ModelError unless each size is from 1 to what it can be."""
    for name, value in sizes.items():
        if not 1 <= value <= most[name]:
            raise _bad(path, kind, f"its header says {name} is {value:,}")


def _cut(path: Path, start: int, pieces: Iterable[Piece], dtype: str, kind: str) -> dict[str, LazyTensor]:
    """The tensors that lie one after the other from `start` on. Raises ModelError unless they fill the file exactly."""
    size, offset, item = path.stat().st_size, start, DTYPES[dtype].itemsize
    tensors = {}
    for name, shape in pieces:
        stored = math.prod(shape) * item
        tensors[name] = LazyTensor(name, dtype, shape, Storage(path, offset, stored))
        offset += stored
    if offset != size:
        raise _bad(path, kind, f"its header makes {offset:,} bytes and it has {size:,}")
    return {name: tensor.check() for name, tensor in tensors.items()}


def _bad(path: Path, kind: str, why: str) -> ModelError:
    return ModelError(f"{escaped(path.name)} is not a valid {kind} file", why, "Fetch or export it again")


def _llmc_pieces(sizes: Mapping[str, int]) -> Iterator[Piece]:
    width = sizes["channels"]
    yield "transformer.wte.weight", (sizes["padded_vocab_size"], width)
    yield "transformer.wpe.weight", (sizes["max_seq_len"], width)
    for name, rows, columns in _LLMC_LAYER:
        bias = (rows * width,)
        for part, shape in (("weight", (*bias, columns * width) if columns else bias), ("bias", bias)):
            for layer in range(sizes["num_layers"]):
                yield f"transformer.h.{layer}.{name}.{part}", shape
    yield "transformer.ln_f.weight", (width,)
    yield "transformer.ln_f.bias", (width,)


def _llama2c_pieces_0(sizes: Mapping[str, int], is_tied: bool) -> Iterator[Piece]:
    head = sizes["dim"] // sizes["n_heads"]
    yield from _llama2c_table("tok_embeddings", sizes)
    yield from _llama2c_layers((_NORMS[0], *_ATTENTION, _NORMS[1], *_FEED_FORWARD), sizes)
    yield "norm.weight", (sizes["dim"],)
    for name in ("freqs_cos", "freqs_sin"):
        yield name, (sizes["max_seq_len"], head // 2)
    yield from () if is_tied else _llama2c_table("output", sizes)


def _llama2c_pieces_1(sizes: Mapping[str, int], is_tied: bool) -> Iterator[Piece]:
    yield from _llama2c_layers(_NORMS, sizes)
    yield "norm.weight", (sizes["dim"],)
    yield from _llama2c_table("tok_embeddings", sizes)
    yield from _llama2c_layers((*_ATTENTION, *_FEED_FORWARD), sizes)
    yield from () if is_tied else _llama2c_table("output", sizes)


def _llama2c_table(name: str, sizes: Mapping[str, int]) -> Iterator[Piece]:
    yield f"{name}.weight", (sizes["vocab_size"], sizes["dim"])


def _llama2c_layers(names: Iterable[str], sizes: Mapping[str, int]) -> Iterator[Piece]:
    """Each kind for all the layers."""
    dim, hidden = sizes["dim"], sizes["hidden_dim"]
    keys = dim // sizes["n_heads"] * sizes["n_kv_heads"]
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(_NORMS, (dim,)),
        **dict.fromkeys(("attention.wq", "attention.wo"), (dim, dim)),
        **dict.fromkeys(("attention.wk", "attention.wv"), (keys, dim)),
        **dict.fromkeys(("feed_forward.w1", "feed_forward.w3"), (hidden, dim)),
        "feed_forward.w2": (dim, hidden),
    }
    for name in names:
        for layer in range(sizes["n_layers"]):
            yield f"layers.{layer}.{name}.weight", shapes[name]
