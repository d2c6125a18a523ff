"""Peak memory of a conversion, family by family: random weights in the layout that transformers writes.

Needs torch and transformers (the `verify` extra).
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from quoth_converters.source import open_source
from tests.bench.convert import command, folder_on_disk
from tests.bench.memory import MB
from tests.bench.places import checkpoint
from tests.bench.report import Figure, Floor, Report

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
            peak = command(source, folder, "none")[1].anonymous / MB
            largest = max(4 * tensor.count for tensor in open_source(source).tensors.values()) / MB
            size = (source / "model.safetensors").stat().st_size / MB
        report.figures.append(Figure(f"{name}, {size:.0f} MB", "MB", [peak], [largest], "largest tensor, F32"))
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
