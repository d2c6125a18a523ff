"""Small checkpoints of GPT-2's shape: the committed ones, and random ones with whatever is to be wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.converters.torch_writer import write_safetensors, write_zip

DATA = Path(__file__).parent / "data"
LAYERS, HEADS, WIDTH, CONTEXT = 1, 2, 8, 16
CHARACTERS = "abcdefghijklmnopqrst"
ARGUMENTS = {
    "n_layer": LAYERS,
    "n_head": HEADS,
    "n_embd": WIDTH,
    "block_size": CONTEXT,
    "bias": True,
    "vocab_size": len(CHARACTERS),
    "dropout": 0.0,
}
CONFIG = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "n_layer": LAYERS,
    "n_head": HEADS,
    "n_embd": WIDTH,
    "n_positions": CONTEXT,
    "vocab_size": 257,
    "activation_function": "gelu_new",
    "eos_token_id": 50256,
}


def arrays(rows: int, *, conv1d: bool = False, bias: bool = True, inner: int = 4 * WIDTH) -> dict[str, Any]:
    """The tensors of a GPT-2 of one layer; matrices [out, in], or [in, out] as Conv1D has them."""
    random = np.random.default_rng(1)
    blocks = {"attn.c_attn": (3 * WIDTH, WIDTH), "attn.c_proj": (WIDTH, WIDTH)}
    blocks |= {"mlp.c_fc": (inner, WIDTH), "mlp.c_proj": (WIDTH, inner)}
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (rows, WIDTH), "wpe.weight": (CONTEXT, WIDTH)}
    for name, shape in blocks.items():
        shapes[f"h.0.{name}.weight"] = shape[::-1] if conv1d else shape
        shapes[f"h.0.{name}.bias"] = shape[:1]
    for name in ("h.0.ln_1", "h.0.ln_2", "ln_f"):
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (WIDTH,)
    named = {name: shape for name, shape in shapes.items() if bias or not name.endswith(".bias")}
    return {f"transformer.{name}": random.normal(0, 0.2, shape).astype("<f4") for name, shape in named.items()}


def write_meta(path: Path, characters: str = CHARACTERS) -> Path:
    itos = dict(enumerate(characters))
    meta = {"vocab_size": len(characters), "itos": itos, "stoi": {c: i for i, c in itos.items()}}
    path.write_bytes(pickle.dumps(meta))
    return path


def write_nanogpt(
    folder: Path, tensors: Mapping[str, Any] | None = None, *, characters: str = CHARACTERS, **arguments: Any
) -> Path:
    """A folder with ckpt.pt and meta.pkl; keywords change model_args."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = dict(tensors) if tensors is not None else arrays(len(CHARACTERS))
    settings = {**ARGUMENTS, **arguments}
    write_zip(folder / "ckpt.pt", weights, lambda state: {"model": state, "model_args": settings, "iter_num": 3})
    write_meta(folder / "meta.pkl", characters)
    return folder


def byte_tokens() -> dict[str, int]:
    """GPT-2's alphabet of 256 and its end of text."""
    from quoth_converters.vocab.byte_level import LETTERS

    return {**{letter: byte for byte, letter in LETTERS.items()}, "<|endoftext|>": 256}


def tokenizer_json(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json without merges; keywords change its model."""
    model = {"type": "BPE", "vocab": byte_tokens(), "merges": [], **changes}
    added = [{"id": 256, "content": "<|endoftext|>", "special": True}]
    splitter = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    return {"model": model, "added_tokens": added, "pre_tokenizer": splitter, "normalizer": None}


def write_gpt2(folder: Path, tensors: Mapping[str, Any] | None = None, **config: Any) -> Path:
    """A folder as save_pretrained writes it; keywords change config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / "model.safetensors", arrays(257, conv1d=True) if tensors is None else tensors)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    return folder
