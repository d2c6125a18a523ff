"""llama2.c's ckpt.pt and .bin: Llama under Meta's names, whose heads rotate neighbours as llama.cpp does (model.py)."""

from __future__ import annotations

from typing import Final

from quoth_converters.families.family import MAX_WIDTH, Family, Options, integer, model_args_and, real, sizes_of
from quoth_converters.families.rope import rope_of
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source

_SIZES: Final = {
    "width": ("dim",),
    "layers": ("n_layers",),
    "heads": ("n_heads",),
    "kv_heads": ("n_kv_heads",),
    "context": ("max_seq_len",),
    "inner": ("hidden_dim",),
    "rows": ("vocab_size",),
}
_NAMES: Final = {
    "token_embd": "tok_embeddings",
    "attn_q": "layers.{bid}.attention.wq",
    "attn_k": "layers.{bid}.attention.wk",
    "attn_v": "layers.{bid}.attention.wv",
    "attn_output": "layers.{bid}.attention.wo",
    "ffn_gate": "layers.{bid}.feed_forward.w1",
    "ffn_up": "layers.{bid}.feed_forward.w3",
    "ffn_down": "layers.{bid}.feed_forward.w2",
    "attn_norm": "layers.{bid}.attention_norm",
    "ffn_norm": "layers.{bid}.ffn_norm",
    "output_norm": "norm",
    "output": "output",
}


def layout(source: Source, options: Options) -> Layout:
    settings = {"max_seq_len": 2048, **source.config["model_args"]}

    def inner(width: int) -> int:
        """Two thirds of four times the model's width, rounded up."""
        multiple = integer(settings, "multiple_of", most=MAX_WIDTH, default=256)
        return multiple * -(-int(2 * 4 * width / 3) // multiple)

    sizes = sizes_of(settings, _SIZES, inner=inner)
    rope, epsilon = rope_of({}, sizes.head, sizes.context), real(settings, "norm_eps", 1e-5)
    computed = {r"freqs_(cos|sin|cis)|.*\.attention\.mask": "computed from the settings"}
    return Layout("llama2.c", "llama", sizes, _NAMES, epsilon=epsilon, keys=rope.keys, dropped=computed)


LLAMA2C: Final = Family("llama2.c", model_args_and("tok_embeddings.weight"), layout)
