"""The committed checkpoints of transformers' families, and the files of llama2.c and llm.c written with numpy."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from quoth_converters.formats.source import open_source
from quoth_converters.formats.tensors import widened
from tests.converters.checkpoints import DATA, arrays, tokenizer_json

ROWS = 257  # GPT-2's alphabet and its end of text
IDS = [84, 104, 101, 32, 99, 97, 116, 32, 115, 97, 116, 255, 0, 200, 31, 7, 84, 104, 101, 32]
FAMILIES = {
    name: DATA / "families" / name.lower()
    for name in ("Llama", "Mistral", "Qwen2", "Qwen3", "GPTNeoX", "GPTJ", "GPTNeo")
}
ARGUMENTS = {"dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2, "n_kv_heads": 1, "vocab_size": ROWS}
ARGUMENTS |= {"max_seq_len": 32}
META = {
    "input_layernorm": "attention_norm",
    "self_attn.q_proj": "attention.wq",
    "self_attn.k_proj": "attention.wk",
    "self_attn.v_proj": "attention.wv",
    "self_attn.o_proj": "attention.wo",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.down_proj": "feed_forward.w2",
    "mlp.up_proj": "feed_forward.w3",
}
OUTER = {"model.embed_tokens": "tok_embeddings", "model.norm": "norm", "lm_head": "output"}


def family_folder(name: str, folder: Path, **config: Any) -> Path:
    """A copy of a committed checkpoint with a tokenizer beside it; keywords change its config.json."""
    shutil.copytree(FAMILIES[name], folder, dirs_exist_ok=True)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **config}))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
    return folder


def weights_of(folder: Path) -> dict[str, Any]:
    """The tensors of a checkpoint as arrays."""
    return {name: np.array(widened(tensor)) for name, tensor in open_source(folder).tensors.items()}


def meta_weights() -> dict[str, Any]:
    """The committed Llama under llama2.c's names, with rotated pairs side by side as Meta has them."""
    found = {}
    for name, array in weights_of(FAMILIES["Llama"]).items():
        stem = name.removesuffix(".weight")
        if stem in OUTER:
            found[f"{OUTER[stem]}.weight"] = array
            continue
        _, _, layer, inner = stem.split(".", 3)
        if inner.endswith(("q_proj", "k_proj")):
            array = array.reshape(-1, 2, 4, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        found[f"layers.{layer}.{META[inner]}.weight"] = np.ascontiguousarray(array)
    return found


def _layers(weights: Mapping[str, Any], layers: int, *names: str) -> bytes:
    return b"".join(weights[f"layers.{layer}.{name}.weight"].tobytes() for name in names for layer in range(layers))


def llama2c_bytes(version: int, weights: Mapping[str, Any], head: Any = None, **changes: int) -> bytes:
    """llama2.c's file of these weights, `head` its own head; keywords change the header."""
    sizes = {**ARGUMENTS, **changes}
    layers = sizes["n_layers"]
    attention = ("attention.wq", "attention.wk", "attention.wv", "attention.wo")
    feed_forward = ("feed_forward.w1", "feed_forward.w2", "feed_forward.w3")
    embedding, norm = bytes(weights["tok_embeddings.weight"]), bytes(weights["norm.weight"])
    behind = b"" if head is None else bytes(head)
    if version == 0:
        if head is not None:
            sizes["vocab_size"] *= -1
        body = embedding + _layers(weights, layers, "attention_norm", *attention, "ffn_norm", *feed_forward) + norm
        tables = np.zeros((2, sizes["max_seq_len"], 4), "<f4").tobytes()
        return struct.pack("<7i", *sizes.values()) + body + tables + behind
    front = struct.pack("<Ii7iB", 0x616B3432, version, *sizes.values(), head is None)
    body = _layers(weights, layers, "attention_norm", "ffn_norm") + norm + embedding
    return front.ljust(256, b"\0") + body + _layers(weights, layers, *attention, *feed_forward) + behind


LLMC_KINDS = (
    "ln_1.weight",
    "ln_1.bias",
    "attn.c_attn.weight",
    "attn.c_attn.bias",
    "attn.c_proj.weight",
    "attn.c_proj.bias",
    "ln_2.weight",
    "ln_2.bias",
    "mlp.c_fc.weight",
    "mlp.c_fc.bias",
    "mlp.c_proj.weight",
    "mlp.c_proj.bias",
)


def llmc_weights() -> dict[str, Any]:
    """A GPT-2 of one layer with an embedding padded to 384 rows, each value one that bfloat16 has."""
    weights = {name.removeprefix("transformer."): array for name, array in arrays(384).items()}
    return {name: (array.view("<u4") & 0xFFFF0000).view("<f4") for name, array in weights.items()}


def llmc_bytes(version: int = 3, **changes: int) -> bytes:
    """llm.c's file of these weights: 3 is float32, 5 bfloat16; keywords change the header."""
    sizes = {"max_seq_len": 16, "vocab_size": ROWS, "num_layers": 1, "num_heads": 2, "channels": 8, "padded": 384}
    header = struct.pack("<8i", 20240326, version, *{**sizes, **changes}.values()).ljust(1024, b"\0")
    weights = llmc_weights()
    names = ["wte.weight", "wpe.weight", *(f"h.0.{kind}" for kind in LLMC_KINDS), "ln_f.weight", "ln_f.bias"]
    parts = [weights[name] for name in names]
    if version == 5:
        parts = [(part.view("<u4") >> 16).astype("<u2") for part in parts]
    return header + b"".join(part.tobytes() for part in parts)
