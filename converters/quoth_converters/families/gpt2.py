"""GPT-2 as transformers saves it: DistilGPT2, DialoGPT and every fine-tune; weights of Conv1D are [in, out].

Settings: transformers' GPT2Config; attention's scale: GPT2Attention (1/sqrt(head), 1/(layer + 1), or neither).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families import gpt2_blocks
from quoth_converters.families.family import Family, Options, integer, real
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH, Layout
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.finding import find_vocabulary

GELU: Final = ("gelu_new", "gelu", "gelu_fast", "gelu_pytorch_tanh", "gelu_python", "gelu_accurate")
_OTHER_HEADS: Final = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")


def match(source: Source) -> bool:
    return source.config.get("model_type") == "gpt2"


def describe(source: Source, options: Options) -> ModelSpec:
    config = source.config
    _refuse(source)
    n_embd = integer(config, "n_embd", "hidden_size", most=MAX_WIDTH)
    n_layer = integer(config, "n_layer", "num_hidden_layers", most=MAX_LAYERS)
    n_head = integer(config, "n_head", "num_attention_heads", most=1024)
    layout = Layout(
        "GPT-2",
        n_layer=n_layer,
        n_head=n_head,
        n_embd=n_embd,
        n_ctx=integer(config, "n_positions", "n_ctx", "max_position_embeddings", most=MAX_CONTEXT),
        n_rows=integer(config, "vocab_size", most=MAX_ROWS),
        n_inner=integer({"n_inner": 4 * n_embd, **_given(config, "n_inner")}, "n_inner", most=MAX_WIDTH),
        epsilon=real(config, "layer_norm_epsilon", 1e-5),
        prefix="transformer." if "transformer.wte.weight" in source.tensors else "",
        transposed=True,
        query_scales=_query_scales(config, n_layer, n_embd // n_head),
    )
    if config.get("tie_word_embeddings") is False and "lm_head.weight" not in source.tensors:
        raise ModelError("tensor lm_head.weight is missing", "the settings say that it is not the token embedding")
    return gpt2_blocks.describe(source, layout, find_vocabulary(source.files, config, options.tokenizer))


def _given(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {name: config[name]} if config.get(name) is not None else {}


def _query_scales(config: Mapping[str, Any], n_layer: int, head: int) -> tuple[float, ...]:
    """llama.cpp divides by sqrt(head): what else is wanted is folded into the queries."""
    scaled, by_layer = config.get("scale_attn_weights", True), config.get("scale_attn_by_inverse_layer_idx", False)
    whole = 1.0 if scaled else math.sqrt(head)
    return tuple(whole / (layer + 1 if by_layer else 1) for layer in range(n_layer))


def _refuse(source: Source) -> None:
    """What llama.cpp's gpt2 has no operation for."""
    config = source.config
    activation = config.get("activation_function", "gelu_new")
    if activation not in GELU:
        raise ModelError(
            f"this GPT-2 uses {escaped(activation)}", "llama.cpp has GELU alone between the layers of a gpt2"
        )
    if config.get("add_cross_attention"):
        raise ModelError("this GPT-2 has cross-attention", "llama.cpp's gpt2 attends to nothing but itself")
    given = config.get("architectures")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    if heads := [name for name in names if name.endswith(_OTHER_HEADS)]:
        raise ModelError(f"{escaped(heads[0])} is no language model", "its head gives classes, not next tokens")
    if "score.weight" in source.tensors:
        raise ModelError("this GPT-2 classifies", "score.weight gives classes, not next tokens")


GPT2 = Family("GPT-2 (transformers)", "gpt2", "exact", match, describe)
