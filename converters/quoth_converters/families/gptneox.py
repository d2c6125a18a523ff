"""GPT-NeoX and Pythia as transformers saves them, with the settings of GPTNeoXConfig."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError
from quoth_converters.families import family
from quoth_converters.families.family import TRANSFORMERS_SIZES, Family, Options, real
from quoth_converters.families.rope import rope_of, settings_of
from quoth_converters.families.tensor_map import BIASES, Layout
from quoth_converters.formats.source import Source
from quoth_converters.spec import Permute, Shape, Value

_NAMES: Final = {
    "token_embd": "embed_in",
    "attn_norm": "layers.{bid}.input_layernorm",
    "ffn_norm": "layers.{bid}.post_attention_layernorm",
    "attn_qkv": "layers.{bid}.attention.query_key_value",
    "attn_output": "layers.{bid}.attention.dense",
    "ffn_up": "layers.{bid}.mlp.dense_h_to_4h",
    "ffn_down": "layers.{bid}.mlp.dense_4h_to_h",
    "output_norm": "final_layer_norm",
    "output": "embed_out",
}


def layout(source: Source, options: Options) -> Layout:
    config, sizes = source.config, family.sizes_of(source.config, TRANSFORMERS_SIZES, inner=None)
    family.require_activation(config.get("hidden_act", "gelu"), "GELU", "GPT-NeoX", "gptneox")
    settings = {"partial_rotary_factor": config.get("rotary_pct", 0.25), **settings_of(config)}
    if (part := real(settings, "partial_rotary_factor", 0.25)) > 1:
        raise ModelError(f"the settings say rotary_pct is {part:g}", "it must be a part of a head")
    rope = rope_of(config, int(sizes.head * part), sizes.context)  # cut to a whole number, as transformers does it

    def by_kind(value: Value, shape: Shape, layer: int) -> Value:
        """Rows that lie by head (its query, its key, its value) as all queries, all keys, all values."""
        view = (sizes.heads, 3, sizes.head, *shape[1:])
        return Permute(value, view, (1, 0, *range(2, len(view))))

    return Layout(
        "GPT-NeoX",
        "gptneox",
        sizes,
        _NAMES,
        prefix="gpt_neox.",
        epsilon=real(config, "layer_norm_eps", 1e-5),
        keys={"use_parallel_residual": config.get("use_parallel_residual", True) is True, **rope.keys},
        biases=BIASES if config.get("attention_bias", True) is True else BIASES - {"attn_qkv", "attn_output"},
        changes={"attn_qkv": by_kind},
        dropped={r".*\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)": "computed from the settings"},
        notes=rope.notes,
    )


GPTNEOX: Final = Family("GPT-NeoX, Pythia", "gptneox", family.model_type("gpt_neox"), layout)
