"""Llama's names for its tensors, as transformers has them, which Mistral and Qwen share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families import family
from quoth_converters.families.rope import neighbours_of_halves, rope_of, settings_of
from quoth_converters.families.tensor_map import Layout

_SIZES: Final = {**family.TRANSFORMERS_SIZES, "kv_heads": ("num_key_value_heads",), "head": ("head_dim",)}
LLAMA_NAMES: Final = {
    "token_embd": "embed_tokens",
    "attn_q": "layers.{bid}.self_attn.q_proj",
    "attn_k": "layers.{bid}.self_attn.k_proj",
    "attn_v": "layers.{bid}.self_attn.v_proj",
    "attn_output": "layers.{bid}.self_attn.o_proj",
    "ffn_gate": "layers.{bid}.mlp.gate_proj",
    "ffn_up": "layers.{bid}.mlp.up_proj",
    "ffn_down": "layers.{bid}.mlp.down_proj",
    "attn_norm": "layers.{bid}.input_layernorm",
    "ffn_norm": "layers.{bid}.post_attention_layernorm",
    "output_norm": "norm",
    "output": "lm_head",
}


def llama_layout(
    name: str,
    architecture: str,
    config: Mapping[str, Any],
    *,
    biases: Collection[str] = (),
    window: object = None,
    head: int | None = None,
) -> Layout:
    """A model under these names.

    `window` is the setting of its sliding window, where that is in use, and `head` the usual width of a head.
    """
    family.require_activation(config.get("hidden_act", "silu"), "SiLU", name, architecture)
    sizes = family.sizes_of(config, _SIZES, inner=None, head=head)
    rotated = config.get("partial_rotary_factor", settings_of(config).get("partial_rotary_factor", 1))
    if rotated not in (1, None):
        why = f"llama.cpp's {architecture} rotates all of a head"
        raise ModelError(f"this {name} rotates {escaped(rotated)} of a head", why)
    rope = rope_of(config, sizes.head, sizes.context, table=architecture == "llama")
    context, notes = family.within_window(sizes.context, window, "sliding_window", architecture)
    moved = dict.fromkeys(("attn_q", "attn_k"), neighbours_of_halves(sizes.head))
    return Layout(
        name,
        architecture,
        replace(sizes, context=context),
        LLAMA_NAMES,
        prefix="model.",
        epsilon=family.real(config, "rms_norm_eps", 1e-6),
        keys=rope.keys,
        biases=biases,
        changes=moved if architecture == "llama" else {},
        dropped={r".*rotary_emb\.inv_freq": "computed from the settings"},
        extra=rope.tensors(),
        notes=(*rope.notes, *notes),
    )
