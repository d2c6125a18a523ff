"""Peak memory of a conversion, family by family: random weights in the layouts that people have.

Needs torch and transformers (the `verify` extra).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quoth_converters.formats.source import open_source
from tests.bench.convert import command, folder_on_disk
from tests.bench.memory import MB
from tests.bench.places import checkpoint
from tests.bench.report import Figure, Floor, Report
from tests.converters.family_checkpoints import LLMC_KINDS, META, OUTER, llama2c_bytes
from tests.converters.torch_writer import write_zip

ROWS = 50_257
LIKE_LLAMA: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "max_position_embeddings": 1024,
}
LIKE_GPT: dict[str, Any] = {"n_embd": 768, "n_layer": 6, "n_head": 12, "n_positions": 1024}
NEO: dict[str, Any] = {
    "hidden_size": 768,
    "num_layers": 6,
    "num_heads": 12,
    "max_position_embeddings": 1024,
    "attention_types": [[["global", "local"], 3]],
}
NEOX = {name: value for name, value in LIKE_LLAMA.items() if name != "num_key_value_heads"}
FAMILIES: dict[str, dict[str, Any]] = {
    "GPT2": LIKE_GPT,
    "Llama": LIKE_LLAMA,
    "Mistral": LIKE_LLAMA,
    "Qwen2": LIKE_LLAMA,
    "Qwen3": {**LIKE_LLAMA, "head_dim": 64},
    "GPTNeoX": NEOX,
    "GPTJ": {**LIKE_GPT, "rotary_dim": 32},
    "GPTNeo": NEO,
}


def run(report: Report, rounds: int) -> None:
    """One round: a peak is no time."""
    if importlib.util.find_spec("transformers") is None:
        report.notes.append("left out: it needs the verify extra")
        return
    for name, settings in FAMILIES.items():
        with folder_on_disk() as folder:
            source = write(name, settings, folder / "source")
            measure(report, name, source, source / "model.safetensors", folder)
            for other, write_other in OTHERS.get(name, {}).items():
                file = write_other(source, folder)
                measure(report, other, file, file, folder)
                file.unlink()


def measure(report: Report, name: str, source: Path, weights: Path, folder: Path) -> None:
    tokenizer = str(folder / "source" / "tokenizer.json")
    peak = command(source, folder, "none", "--tokenizer", tokenizer)[1].anonymous / MB
    largest = max(4 * tensor.count for tensor in open_source(source).tensors.values()) / MB
    label = f"{name}, {weights.stat().st_size / MB:.0f} MB"
    report.figures.append(Figure(label, "MB", [peak], [largest], "largest tensor, F32"))
    report.figures.append(Figure("  beyond it", "MB", [peak - largest], floor=Floor(150, absolute=True)))


def write(name: str, settings: dict[str, Any], folder: Path) -> Path:
    """A folder as save_pretrained leaves it, with GPT-2's tokenizer."""
    import transformers

    config = getattr(transformers, f"{name}Config")(
        vocab_size=ROWS, bos_token_id=ROWS - 1, eos_token_id=ROWS - 1, **settings
    )
    head = "LMHeadModel" if name == "GPT2" else "ForCausalLM"
    getattr(transformers, f"{name}{head}")(config).save_pretrained(folder)
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(checkpoint() / file, folder / file)
    transformers.GPT2TokenizerFast.from_pretrained(str(folder)).save_pretrained(folder)
    return folder


def linear(source: Path) -> dict[str, Any]:
    """The tensors of a GPT-2 as Linear has them: [out, in]."""
    tensors = open_source(source).tensors
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return {
        name: np.ascontiguousarray(tensor.read().T) if name.endswith(turned) else np.array(tensor.read())
        for name, tensor in tensors.items()
    }


def nanogpt(source: Path, folder: Path) -> Path:
    weights = linear(source)
    arguments = {"n_layer": 6, "n_head": 12, "n_embd": 768, "block_size": 1024, "bias": True, "vocab_size": ROWS}
    write_zip(folder / "ckpt.pt", weights, lambda state: {"model": state, "model_args": arguments, "iter_num": 3})
    return folder / "ckpt.pt"


def mingpt(source: Path, folder: Path) -> Path:
    weights = linear(source)
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    (folder / "config.json").write_text(json.dumps({"model": {"n_head": 12}, "system": {}}))
    write_zip(folder / "model.pt", weights)
    return folder / "model.pt"


def llmc(source: Path, folder: Path) -> Path:
    weights = linear(source)
    padded = -(-ROWS // 128) * 128
    embedding = np.zeros((padded, 768), "<f4")
    embedding[:ROWS] = weights["transformer.wte.weight"]
    names = [f"transformer.h.{layer}.{kind}" for kind in LLMC_KINDS for layer in range(6)]
    parts = [embedding, *(weights[name] for name in ("transformer.wpe.weight", *names))]
    parts += [weights["transformer.ln_f.weight"], weights["transformer.ln_f.bias"]]
    header = struct.pack("<8i", 20240326, 3, 1024, ROWS, 6, 12, 768, padded).ljust(1024, b"\0")
    (folder / "gpt2.bin").write_bytes(header + b"".join(part.tobytes() for part in parts))
    return folder / "gpt2.bin"


def llama2c(source: Path, folder: Path) -> Path:
    """Which halves of a head rotate together is no matter for memory: the matrices are taken as they are."""
    weights = {}
    for name, tensor in open_source(source).tensors.items():
        stem = name.removesuffix(".weight")
        _, _, layer, inner = stem.split(".", 3) if stem not in OUTER else ("", "", "", "")
        weights[f"{OUTER.get(stem) or f'layers.{layer}.{META[inner]}'}.weight"] = tensor.read()
    head = weights.pop("output.weight", None)
    sizes = {"dim": 768, "hidden_dim": 2048, "n_layers": 6, "n_heads": 12, "n_kv_heads": 4, "vocab_size": ROWS}
    (folder / "model.bin").write_bytes(llama2c_bytes(1, weights, head, **sizes, max_seq_len=1024))
    return folder / "model.bin"


# What else holds these weights: by family of transformers, then by name.
OTHERS: dict[str, dict[str, Callable[[Path, Path], Path]]] = {
    "GPT2": {"nanoGPT": nanogpt, "minGPT": mingpt, "llm.c": llmc},
    "Llama": {"llama2.c": llama2c},
}
