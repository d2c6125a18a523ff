"""Write data/families with torch and transformers: `python -m tests.converters.write_families` from the top folder.

Random weights of each family of transformers, as small as can be, and the logits that transformers computes with them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tests.converters.family_checkpoints import FAMILIES, IDS, ROWS

LLAMA: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "tie_word_embeddings": True,
}
NEOX = {name: value for name, value in LLAMA.items() if name != "num_key_value_heads"}
SETTINGS: dict[str, dict[str, Any]] = {
    "Llama": {**LLAMA, "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5},
    "Mistral": {**LLAMA, "max_position_embeddings": 64, "sliding_window": 32},
    "Qwen2": LLAMA,
    "Qwen3": {**LLAMA, "head_dim": 8},
    "GPTNeoX": {**NEOX, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
    "GPTJ": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "rotary_dim": 4, "tie_word_embeddings": True},
    "GPTNeo": {
        "hidden_size": 16,
        "num_layers": 2,
        "num_heads": 2,
        "max_position_embeddings": 64,
        "window_size": 32,
        "attention_types": [[["global", "local"], 1]],
    },
}


def write(name: str, folder: Path) -> None:
    """Settings, weights and logits of one family."""
    torch.manual_seed(11)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=ROWS, bos_token_id=None, eos_token_id=None, initializer_range=0.4, **SETTINGS[name]
    )
    model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() == 1:
                weights.add_(torch.randn_like(weights) * 0.2)
        logits = model(torch.tensor([IDS])).logits[0].numpy()
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    np.save(folder / "logits.npy", logits.astype(np.float32))


if __name__ == "__main__":
    for family, path in FAMILIES.items():
        shutil.rmtree(path, ignore_errors=True)
        write(family, path)
