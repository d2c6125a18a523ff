"""GPT-Neo and TinyStories as transformers saves them (GPTNeoConfig), for llama.cpp's gpt2.

Every second layer sees only the last `window_size` tokens, which gpt2 cannot: the context ends there. Attention is not
divided by the root of a head's width: the queries are multiplied by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from quoth_converters.families import family
from quoth_converters.families.family import TRANSFORMERS_SIZES, Family, Options, model_type
from quoth_converters.families.tensor_map import BIASES, Layout, queries_scaled
from quoth_converters.formats.source import Source
from quoth_converters.spec import Rows

_NAMES: Final[Mapping[str, str | tuple[str, ...]]] = {
    "token_embd": "wte",
    "position_embd": "wpe",
    "attn_norm": "h.{bid}.ln_1",
    "attn_qkv": tuple(f"h.{{bid}}.attn.attention.{part}_proj" for part in "qkv"),
    "attn_output": "h.{bid}.attn.attention.out_proj",
    "ffn_norm": "h.{bid}.ln_2",
    "ffn_up": "h.{bid}.mlp.c_fc",
    "ffn_down": "h.{bid}.mlp.c_proj",
    "output_norm": "ln_f",
    "output": "lm_head",
}


def layout(source: Source, options: Options) -> Layout:
    config = source.config
    family.require_activation(config.get("activation_function", "gelu_new"), "GELU", "GPT-Neo", "gpt2")
    sizes = family.sizes_of(config, TRANSFORMERS_SIZES)
    kinds = str(config.get("attention_layers") or config.get("attention_types") or "local")
    window = config.get("window_size", 256) if "local" in kinds else None
    context, notes = family.within_window(sizes.context, window, "window_size", "gpt2")
    return Layout(
        "GPT-Neo",
        "gpt2",
        replace(sizes, context=context),
        _NAMES,
        prefix="transformer.",
        epsilon=family.real(config, "layer_norm_epsilon", 1e-5),
        biases=BIASES - {"attn_qkv"},
        changes={
            "position_embd": lambda value, shape, layer: Rows(value, 0, context),
            "attn_qkv": lambda value, shape, layer: queries_scaled(value, math.sqrt(sizes.head), sizes.width),
        },
        dropped={r".*\.attn\.attention\.(bias|masked_bias)": "a causal mask"},
        notes=notes,
    )


GPTNEO: Final = Family("GPT-Neo", "gpt2", model_type("gpt_neo"), layout)
