"""GPT-NeoX and Pythia as transformers saves them: queries, keys and values lie head by head in one matrix.

Settings: transformers' GPTNeoXConfig; tensors and keys: models/gptneox.cpp of llama.cpp, where each bias and a head of
its own are required.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, embedding, integer, padding_note, real
from quoth_converters.families.gpt2 import GELU
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH
from quoth_converters.families.llama_blocks import is_tied
from quoth_converters.families.rope import Rope, rope_of, settings_of
from quoth_converters.formats.source import Source
from quoth_converters.spec import Again, Fill, ModelSpec, Permute, Take, TensorSpec, Value
from quoth_converters.vocab.finding import find_vocabulary

_BUFFERS: Final = re.compile(r".*\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)")  # of older versions
_TOKENS: Final = "embed_in.weight"
_HEAD: Final = "embed_out.weight"
_NORMS: Final = (("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"))


@dataclass(frozen=True, slots=True)
class _Sizes:
    n_layer: int
    n_head: int
    n_embd: int
    n_ff: int
    prefix: str
    attention_bias: bool


def match(source: Source) -> bool:
    return source.config.get("model_type") == "gpt_neox"


def describe(source: Source, options: Options) -> ModelSpec:
    config, sizes = source.config, _sizes(source)
    if config.get("hidden_act", "gelu") not in GELU:
        why = "llama.cpp has GELU alone between the layers of a gptneox"
        raise ModelError(f"this GPT-NeoX uses {escaped(config['hidden_act'])}", why)
    n_ctx = integer(config, "max_position_embeddings", most=MAX_CONTEXT)
    rows, width = integer(config, "vocab_size", most=MAX_ROWS), sizes.n_embd
    vocabulary = find_vocabulary(source.files, config, options.tokenizer)
    rope = _rope(config, width // sizes.n_head, n_ctx)
    tokens = embedding(f"{sizes.prefix}{_TOKENS}", rows, width, vocabulary)
    tied = _HEAD not in source.tensors and is_tied(source, _HEAD, f"{sizes.prefix}{_TOKENS}")
    head = Again(tokens) if tied else embedding(_HEAD, rows, width, vocabulary)
    table = (len(vocabulary), width)
    return ModelSpec(
        architecture="gptneox",
        family="GPT-NeoX",
        hyperparameters={
            "context_length": n_ctx,
            "embedding_length": width,
            "block_count": sizes.n_layer,
            "feed_forward_length": sizes.n_ff,
            "attention.head_count": sizes.n_head,
            "attention.layer_norm_epsilon": real(config, "layer_norm_eps", 1e-5),
            "use_parallel_residual": config.get("use_parallel_residual", True) is True,
            **rope.keys,
        },
        tensors=(
            TensorSpec("token_embd.weight", table, tokens),
            *(tensor for layer in range(sizes.n_layer) for tensor in _block(sizes, layer)),
            *_pair("output_norm", Take(f"{sizes.prefix}final_layer_norm.weight"), (width,)),
            TensorSpec("output.weight", table, head),
        ),
        vocabulary=vocabulary,
        dropped={name: "computed from the settings" for name in source.tensors if _BUFFERS.fullmatch(name)},
        notes=(*padding_note(rows, vocabulary), *rope.notes),
    )


def _sizes(source: Source) -> _Sizes:
    config = source.config
    sizes = _Sizes(
        n_layer=integer(config, "num_hidden_layers", most=MAX_LAYERS),
        n_head=integer(config, "num_attention_heads", most=1024),
        n_embd=integer(config, "hidden_size", most=MAX_WIDTH),
        n_ff=integer(config, "intermediate_size", most=MAX_WIDTH),
        prefix="gpt_neox." if f"gpt_neox.{_TOKENS}" in source.tensors else "",
        attention_bias=config.get("attention_bias", True) is True,
    )
    if sizes.n_embd % sizes.n_head:
        raise ModelError(f"hidden_size {sizes.n_embd} is no multiple of {sizes.n_head} heads")
    return sizes


def _rope(config: Mapping[str, Any], head: int, n_ctx: int) -> Rope:
    """A part of each head is rotated: as transformers cuts it, to a whole number."""
    settings = {"partial_rotary_factor": config.get("rotary_pct", 0.25), **settings_of(config)}
    part = real(settings, "partial_rotary_factor", 0.25)
    if part > 1:
        raise ModelError(f"the settings say rotary_pct is {part:g}", "it must be a part of a head")
    return rope_of(config, int(head * part), n_ctx)


def _block(sizes: _Sizes, layer: int) -> Iterator[TensorSpec]:
    block, prefix = f"blk.{layer}", f"{sizes.prefix}layers.{layer}"
    width = sizes.n_embd
    for ours, theirs in _NORMS:
        yield from _pair(f"{block}.{ours}", Take(f"{prefix}.{theirs}.weight"), (width,))
    fused = f"{prefix}.attention.query_key_value"
    weight = _by_kind(Take(f"{fused}.weight"), sizes, width)
    bias = _by_kind(Take(f"{fused}.bias"), sizes) if sizes.attention_bias else Fill((3 * width,))
    yield TensorSpec(f"{block}.attn_qkv.weight", (3 * width, width), weight)
    yield TensorSpec(f"{block}.attn_qkv.bias", (3 * width,), bias)
    dense = Take(f"{prefix}.attention.dense.weight")
    yield from _pair(f"{block}.attn_output", dense, (width, width), sizes.attention_bias)
    yield from _pair(f"{block}.ffn_up", Take(f"{prefix}.mlp.dense_h_to_4h.weight"), (sizes.n_ff, width))
    yield from _pair(f"{block}.ffn_down", Take(f"{prefix}.mlp.dense_4h_to_h.weight"), (width, sizes.n_ff))


def _pair(ours: str, weight: Take, shape: tuple[int, ...], has_bias: bool = True) -> Iterator[TensorSpec]:
    """A weight and its bias; zeros where it was trained without."""
    bias: Value = Take(f"{weight.name.removesuffix('weight')}bias") if has_bias else Fill(shape[:1])
    yield TensorSpec(f"{ours}.weight", shape, weight)
    yield TensorSpec(f"{ours}.bias", shape[:1], bias)


def _by_kind(value: Value, sizes: _Sizes, *columns: int) -> Value:
    """Rows that lie by head (its query, its key, its value) as all queries, all keys, all values."""
    view = (sizes.n_head, 3, sizes.n_embd // sizes.n_head, *columns)
    return Permute(value, view, (1, 0, *range(2, len(view))))


GPTNEOX: Final = Family("GPT-NeoX, Pythia", "gptneox", "exact", match, describe)
