"""Read llm.c's model files (gpt2_124M.bin, model_*.bin): 256 numbers, then each kind of weight for all layers.

Source: write_model of llm.c's train_gpt2.py and gpt2_write_to_checkpoint of its train_gpt2.cu.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.stacked import Piece, bounded, cut
from quoth_converters.formats.tensors import LazyTensor

_MAGIC: Final = struct.pack("<i", 20240326)
_HEADER: Final = 1024  # bytes
_TYPES: Final = {3: "F32", 5: "BF16"}
_SIZES: Final = ("max_seq_len", "vocab_size", "num_layers", "num_heads", "channels", "padded_vocab_size")
_MOST: Final = dict(zip(_SIZES, (1 << 24, 1 << 22, 512, 1024, 1 << 20, 1 << 22), strict=True))
# Of a layer: the name in GPT-2 of transformers, and rows and columns in units of the width; 0 for a vector's columns.
_LAYER: Final = (
    ("ln_1.weight", 1, 0),
    ("ln_1.bias", 1, 0),
    ("attn.c_attn.weight", 3, 1),
    ("attn.c_attn.bias", 3, 0),
    ("attn.c_proj.weight", 1, 1),
    ("attn.c_proj.bias", 1, 0),
    ("ln_2.weight", 1, 0),
    ("ln_2.bias", 1, 0),
    ("mlp.c_fc.weight", 4, 1),
    ("mlp.c_fc.bias", 4, 0),
    ("mlp.c_proj.weight", 1, 4),
    ("mlp.c_proj.bias", 1, 0),
)


def is_llmc(start: bytes) -> bool:
    """Whether a file begins as llm.c's models do."""
    return start[:4] == _MAGIC


def read_llmc(path: Path) -> tuple[dict[str, Any], dict[str, LazyTensor]]:
    """The sizes in the header, and the tensors under GPT-2's names, [out, in] as nn.Linear has them."""
    with path.open("rb") as file:
        header = struct.unpack("<256i", file.read(_HEADER).ljust(_HEADER, b"\0"))
    if header[1] not in _TYPES:
        why = f"it is version {header[1]}; 3 (float32) and 5 (bfloat16) are read"
        raise ModelError(f"{escaped(path.name)} is of another version of llm.c", why, "Write it again with its own")
    sizes = dict(zip(_SIZES, header[2:8], strict=True))
    bounded(path, sizes, _MOST, "llm.c")
    return {"llm.c": sizes}, cut(path, _HEADER, _pieces(sizes), _TYPES[header[1]], "llm.c")


def _pieces(sizes: dict[str, int]) -> Iterator[Piece]:
    width = sizes["channels"]
    yield "transformer.wte.weight", (sizes["padded_vocab_size"], width)
    yield "transformer.wpe.weight", (sizes["max_seq_len"], width)
    for name, rows, columns in _LAYER:
        shape = (rows * width, columns * width) if columns else (rows * width,)
        for layer in range(sizes["num_layers"]):
            yield f"transformer.h.{layer}.{name}", shape
    yield "transformer.ln_f.weight", (width,)
    yield "transformer.ln_f.bias", (width,)
