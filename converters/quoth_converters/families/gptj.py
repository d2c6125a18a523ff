"""GPT-J as transformers saves it, for llama.cpp's phi2: one norm a block, attention and MLP beside each other.

GPT-J rotates neighbours and phi2 halves, so the rows of queries and keys are moved; biases it lacks are zeros.
Settings: transformers' GPTJConfig.
"""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError
from quoth_converters.families import family
from quoth_converters.families.family import GPT2_SIZES, Family, Options
from quoth_converters.families.gpt2_names import CAUSAL_MASKS
from quoth_converters.families.rope import halves_of_neighbours
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source

_NAMES: Final = {
    "token_embd": "wte",
    "attn_norm": "h.{bid}.ln_1",
    "attn_q": "h.{bid}.attn.q_proj",
    "attn_k": "h.{bid}.attn.k_proj",
    "attn_v": "h.{bid}.attn.v_proj",
    "attn_output": "h.{bid}.attn.out_proj",
    "ffn_up": "h.{bid}.mlp.fc_in",
    "ffn_down": "h.{bid}.mlp.fc_out",
    "output_norm": "ln_f",
    "output": "lm_head",
}
_BIASES: Final = ("attn_norm", "ffn_up", "ffn_down", "output_norm", "output")


def layout(source: Source, options: Options) -> Layout:
    config, sizes = source.config, family.sizes_of(source.config, GPT2_SIZES)
    family.require_activation(config.get("activation_function", "gelu_new"), "GELU", "GPT-J", "phi2")
    rotated = family.integer({"rotary_dim": 64, **config}, "rotary_dim", most=family.MAX_WIDTH)
    if rotated % 2 or rotated > sizes.head:
        raise ModelError(f"the settings say rotary_dim is {rotated}", f"it must be even, up to {sizes.head}")
    halves = halves_of_neighbours(sizes.head, rotated)
    return Layout(
        "GPT-J",
        "phi2",
        sizes,
        _NAMES,
        prefix="transformer.",
        epsilon=family.real(config, "layer_norm_epsilon", 1e-5),
        keys={"rope.dimension_count": rotated, "rope.freq_base": 10000.0},  # GPT-J has no setting for the base
        biases=_BIASES,
        changes={"attn_q": halves, "attn_k": halves},
        dropped=CAUSAL_MASKS,
    )


GPTJ: Final = Family("GPT-J", "phi2", family.model_type("gptj"), layout)
