"""GPT-2's names for its tensors, which nanoGPT, minGPT and llm.c have kept."""

from __future__ import annotations

import re
from typing import Final

from quoth_converters.families.family import Sizes
from quoth_converters.families.tensor_map import BIASES, Layout
from quoth_converters.formats.source import Source

_NAMES: Final = {
    "token_embd": "wte",
    "position_embd": "wpe",
    "attn_norm": "h.{bid}.ln_1",
    "ffn_norm": "h.{bid}.ln_2",
    "attn_qkv": "h.{bid}.attn.c_attn",
    "attn_output": "h.{bid}.attn.c_proj",
    "ffn_up": "h.{bid}.mlp.c_fc",
    "ffn_down": "h.{bid}.mlp.c_proj",
    "output_norm": "ln_f",
    "output": "lm_head",
}
CAUSAL_MASKS: Final = {r".*\.attn\.(bias|masked_bias)": "a causal mask"}  # buffers of older versions


def gpt2_layout(family: str, source: Source, sizes: Sizes) -> Layout:
    """A model under these names, with all biases or none, and matrices as nn.Linear has them."""
    (mask,) = CAUSAL_MASKS
    has_biases = any(name.endswith(".bias") and not re.fullmatch(mask, name) for name in source.tensors)
    biases = BIASES if has_biases else ()
    return Layout(family, "gpt2", sizes, _NAMES, prefix="transformer.", biases=biases, dropped=CAUSAL_MASKS)
