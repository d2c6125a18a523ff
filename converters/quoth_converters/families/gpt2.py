"""GPT-2 as transformers saves it: DistilGPT2, DialoGPT and every fine-tune; weights of Conv1D are [in, out].

Settings: transformers' GPT2Config; attention's scale: GPT2Attention (1/sqrt(head), 1/(layer + 1), or neither).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from quoth.errors import ModelError
from quoth_converters.families import family
from quoth_converters.families.family import GPT2_SIZES, Family, Options, Sizes
from quoth_converters.families.gpt2_names import gpt2_layout
from quoth_converters.families.tensor_map import Change, Layout, queries_scaled
from quoth_converters.formats.source import Source
from quoth_converters.spec import Shape, Transpose, Value


def layout(source: Source, options: Options) -> Layout:
    config = source.config
    family.require_activation(config.get("activation_function", "gelu_new"), "GELU", "GPT-2", "gpt2")
    if config.get("add_cross_attention"):
        raise ModelError("this GPT-2 has cross-attention", "llama.cpp's gpt2 attends only to its own text")
    sizes, turned = family.sizes_of(config, GPT2_SIZES), ("attn_output", "ffn_up", "ffn_down")
    return replace(
        gpt2_layout("GPT-2", source, sizes),
        epsilon=family.real(config, "layer_norm_epsilon", 1e-5),
        changes={**dict.fromkeys(turned, _turned), "attn_qkv": _scaled(config, sizes)},
    )


def _turned(value: Value, shape: Shape, layer: int) -> Value:
    return Transpose(value) if len(shape) == 2 else value


def _scaled(config: Mapping[str, Any], sizes: Sizes) -> Change:
    """llama.cpp divides by sqrt(head): what else is wanted is folded into the queries."""
    whole = 1.0 if config.get("scale_attn_weights", True) else math.sqrt(sizes.head)
    by_layer = config.get("scale_attn_by_inverse_layer_idx", False)

    def change(value: Value, shape: Shape, layer: int) -> Value:
        value, factor = _turned(value, shape, layer), whole / (layer + 1 if by_layer else 1)
        return value if factor == 1 else queries_scaled(value, factor, sizes.width)

    return change


GPT2: Final = Family("GPT-2 (transformers)", "gpt2", family.model_type("gpt2"), layout)
