"""GPT-2 124M as save_pretrained writes it, with random weights: 500 MB, and the vocabulary of the true one."""

from __future__ import annotations

import json
import struct
from math import prod
from pathlib import Path
from typing import Final

import numpy as np

from quoth.gguf import read_header
from tests.upstream import vocabulary_file

LAYERS: Final = 12
WIDTH: Final = 768
CONTEXT: Final = 1024


def shapes(n_vocab: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors; matrices [in, out], as Conv1D has them."""
    found: dict[str, tuple[int, ...]] = {"wte.weight": (n_vocab, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
    parts = {"attn.c_attn": 3 * WIDTH, "attn.c_proj": WIDTH, "mlp.c_fc": 4 * WIDTH, "mlp.c_proj": WIDTH}
    for layer in range(LAYERS):
        for name, out in parts.items():
            found[f"h.{layer}.{name}.weight"] = (4 * WIDTH if name == "mlp.c_proj" else WIDTH, out)
            found[f"h.{layer}.{name}.bias"] = (out,)
        for name in ("ln_1", "ln_2"):
            found |= {f"h.{layer}.{name}.weight": (WIDTH,), f"h.{layer}.{name}.bias": (WIDTH,)}
    return found | {"ln_f.weight": (WIDTH,), "ln_f.bias": (WIDTH,)}


def write_random_gpt2(folder: Path) -> None:
    """Write config.json, vocab.json, merges.txt and model.safetensors into a new folder."""
    folder.mkdir(parents=True)
    header = read_header(vocabulary_file("gpt-2"))
    tokens, merges = header.array("tokenizer.ggml.tokens"), header.array("tokenizer.ggml.merges")
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *map(str, merges), ""]))
    settings = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": LAYERS,
        "n_head": 12,
        "n_embd": WIDTH,
        "n_positions": CONTEXT,
        "vocab_size": len(tokens),
        "activation_function": "gelu_new",
        "eos_token_id": len(tokens) - 1,
    }
    (folder / "config.json").write_text(json.dumps(settings))
    _write_weights(folder / "model.safetensors", shapes(len(tokens)))


def _write_weights(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    packed = json.dumps(header).encode()
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(packed)) + packed)
        for name, shape in shapes.items():
            values = random.standard_normal(shape, dtype=np.float32) * np.float32(0.06)
            is_gain = len(shape) == 1 and name.endswith("weight")
            file.write((values + np.float32(1) if is_gain else values).tobytes())
