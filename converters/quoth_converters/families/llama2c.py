"""llama2.c's ckpt.pt and .bin: Llama under Meta's names, whose heads rotate neighbours as llama.cpp does.

Source: ModelArgs and FeedForward of llama2.c's model.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from quoth.errors import ModelError
from quoth_converters.families import llama_blocks
from quoth_converters.families.family import Family, Options, integer, real
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH
from quoth_converters.families.llama_blocks import Layout, Names
from quoth_converters.families.rope import rope_of
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.finding import find_vocabulary

_INNER: Final = {
    "attn_norm": "attention_norm",
    "attn_q": "attention.wq",
    "attn_k": "attention.wk",
    "attn_v": "attention.wv",
    "attn_output": "attention.wo",
    "ffn_norm": "ffn_norm",
    "ffn_gate": "feed_forward.w1",
    "ffn_up": "feed_forward.w3",
    "ffn_down": "feed_forward.w2",
}
_NAMES: Final = Names("tok_embeddings.weight", "norm.weight", "output.weight", "layers.", _INNER)
_COMPUTED: Final = ("freqs_cos", "freqs_sin", "freqs_cis")


def match(source: Source) -> bool:
    return isinstance(source.config.get("model_args"), dict) and _NAMES.tokens in source.tensors


def describe(source: Source, options: Options) -> ModelSpec:
    settings = {name: value for name, value in source.config["model_args"].items() if value is not None}
    n_embd = integer(settings, "dim", most=MAX_WIDTH)
    n_head = integer(settings, "n_heads", most=1024)
    n_ctx = integer({"max_seq_len": 2048, **settings}, "max_seq_len", most=MAX_CONTEXT)
    if n_embd % n_head:
        raise ModelError(f"dim {n_embd} is no multiple of {n_head} heads")
    layout = Layout(
        "llama2.c",
        "llama",
        _NAMES,
        n_layer=integer(settings, "n_layers", most=MAX_LAYERS),
        n_head=n_head,
        n_head_kv=integer({"n_kv_heads": n_head, **settings}, "n_kv_heads", most=1024),
        n_embd=n_embd,
        head=n_embd // n_head,
        n_ff=_hidden(settings, n_embd),
        n_ctx=n_ctx,
        n_rows=integer(settings, "vocab_size", most=MAX_ROWS),
        epsilon=real(settings, "norm_eps", 1e-5),
        rope=rope_of({}, n_embd // n_head, n_ctx),
        halves=False,
    )
    vocabulary = find_vocabulary(source.files, {}, options.tokenizer)
    computed = dict.fromkeys(filter(_is_computed, source.tensors), "computed from the settings")
    return llama_blocks.describe(source, layout, vocabulary, dropped=computed)


def _hidden(settings: Mapping[str, Any], n_embd: int) -> int:
    """The width between: given, or two thirds of four times the model's, rounded up."""
    if "hidden_dim" in settings:
        return integer(settings, "hidden_dim", most=MAX_WIDTH)
    multiple = integer({"multiple_of": 256, **settings}, "multiple_of", most=MAX_WIDTH)
    return multiple * -(-int(2 * 4 * n_embd / 3) // multiple)


def _is_computed(name: str) -> bool:
    return name in _COMPUTED or name.endswith(".attention.mask")


LLAMA2C: Final = Family("llama2.c", "llama", "exact", match, describe)
