"""GPT-Neo and TinyStories as transformers saves them, for llama.cpp's gpt2.

Every second layer sees the last `window_size` tokens alone, which gpt2 cannot: the context ends there, and up to it the
model is the same. Attention is not divided by the root of a head's width: the queries are multiplied by it.
Settings: transformers' GPTNeoConfig.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, embedding, integer, padding_note, real
from quoth_converters.families.gpt2 import GELU
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH
from quoth_converters.families.llama_blocks import is_tied
from quoth_converters.formats.source import Source
from quoth_converters.spec import Fill, Fuse, ModelSpec, Rows, Scale, Take, TensorSpec, Value
from quoth_converters.vocab.finding import find_vocabulary

_MASKS: Final = re.compile(r".*\.attn\.attention\.(bias|masked_bias)")  # buffers of older versions
_HEAD: Final = "lm_head.weight"
_MLP: Final = (("ffn_up", "c_fc"), ("ffn_down", "c_proj"))


@dataclass(frozen=True, slots=True)
class _Sizes:
    n_layer: int
    n_head: int
    n_embd: int
    n_inner: int
    prefix: str


def match(source: Source) -> bool:
    return source.config.get("model_type") == "gpt_neo"


def describe(source: Source, options: Options) -> ModelSpec:
    config, sizes = source.config, _sizes(source)
    if config.get("activation_function", "gelu_new") not in GELU:
        why = "llama.cpp has GELU alone between the layers of a gpt2"
        raise ModelError(f"this GPT-Neo uses {escaped(config['activation_function'])}", why)
    positions = integer(config, "max_position_embeddings", most=MAX_CONTEXT)
    n_ctx, notes = _context(config, positions)
    rows, width = integer(config, "vocab_size", most=MAX_ROWS), sizes.n_embd
    vocabulary = find_vocabulary(source.files, config, options.tokenizer)
    name = f"{sizes.prefix}wte.weight"
    table, dropped = (len(vocabulary), width), dict.fromkeys(filter(_MASKS.fullmatch, source.tensors), "a causal mask")
    tensors = [
        TensorSpec("token_embd.weight", table, embedding(name, rows, width, vocabulary)),
        TensorSpec("position_embd.weight", (n_ctx, width), Rows(Take(f"{sizes.prefix}wpe.weight"), 0, n_ctx)),
        *(tensor for layer in range(sizes.n_layer) for tensor in _block(sizes, layer)),
        *_pair("output_norm", f"{sizes.prefix}ln_f", width),
    ]
    if not is_tied(source, _HEAD, name):
        tensors.append(TensorSpec("output.weight", table, embedding(_HEAD, rows, width, vocabulary)))
    elif _HEAD in source.tensors:
        dropped[_HEAD] = "the same as the token embedding"
    return ModelSpec(
        architecture="gpt2",
        family="GPT-Neo",
        hyperparameters={
            "context_length": n_ctx,
            "embedding_length": width,
            "block_count": sizes.n_layer,
            "feed_forward_length": sizes.n_inner,
            "attention.head_count": sizes.n_head,
            "attention.layer_norm_epsilon": real(config, "layer_norm_epsilon", 1e-5),
        },
        tensors=tuple(tensors),
        vocabulary=vocabulary,
        dropped=dropped,
        notes=(*padding_note(rows, vocabulary), *notes),
    )


def _sizes(source: Source) -> _Sizes:
    config = {name: value for name, value in source.config.items() if value is not None}
    n_embd = integer(config, "hidden_size", most=MAX_WIDTH)
    sizes = _Sizes(
        n_layer=integer(config, "num_layers", "num_hidden_layers", most=MAX_LAYERS),
        n_head=integer(config, "num_heads", "num_attention_heads", most=1024),
        n_embd=n_embd,
        n_inner=integer({"intermediate_size": 4 * n_embd, **config}, "intermediate_size", most=MAX_WIDTH),
        prefix="transformer." if "transformer.wte.weight" in source.tensors else "",
    )
    if n_embd % sizes.n_head:
        raise ModelError(f"hidden_size {n_embd} is no multiple of {sizes.n_head} heads")
    return sizes


def _context(config: Any, positions: int) -> tuple[int, tuple[str, ...]]:
    """How many tokens a window hides nothing of, and what to say of it."""
    if "local" not in str(config.get("attention_layers") or config.get("attention_types") or "local"):
        return positions, ()
    window = integer({"window_size": 256, **config}, "window_size", most=MAX_CONTEXT)
    if window >= positions:
        return positions, ()
    note = f"its context ends at its window of {window:,} tokens, of {positions:,}: llama.cpp's gpt2 has no window"
    return window, (note,)


def _block(sizes: _Sizes, layer: int) -> Iterator[TensorSpec]:
    block, prefix, width = f"blk.{layer}", f"{sizes.prefix}h.{layer}", sizes.n_embd
    attention = f"{prefix}.attn.attention"
    queries: Value = Scale(Take(f"{attention}.q_proj.weight"), math.sqrt(width // sizes.n_head))
    fused = Fuse((queries, Take(f"{attention}.k_proj.weight"), Take(f"{attention}.v_proj.weight")))
    yield from _pair(f"{block}.attn_norm", f"{prefix}.ln_1", width)
    yield TensorSpec(f"{block}.attn_qkv.weight", (3 * width, width), fused)
    yield TensorSpec(f"{block}.attn_qkv.bias", (3 * width,), Fill((3 * width,)))
    yield from _pair(f"{block}.attn_output", f"{attention}.out_proj", width, width)
    yield from _pair(f"{block}.ffn_norm", f"{prefix}.ln_2", width)
    for (ours, theirs), shape in zip(_MLP, ((sizes.n_inner, width), (width, sizes.n_inner)), strict=True):
        yield from _pair(f"{block}.{ours}", f"{prefix}.mlp.{theirs}", *shape)


def _pair(ours: str, theirs: str, *shape: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{ours}.weight", shape, Take(f"{theirs}.weight"))
    yield TensorSpec(f"{ours}.bias", shape[:1], Take(f"{theirs}.bias"))


GPTNEO: Final = Family("GPT-Neo", "gpt2", "exact; the context ends at its window", match, describe)
