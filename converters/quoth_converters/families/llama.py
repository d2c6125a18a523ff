"""Llama, SmolLM, Mistral, Qwen2 and Qwen3 as transformers saves them.

Settings: transformers' LlamaConfig, MistralConfig, Qwen2Config and Qwen3Config.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families import llama_blocks
from quoth_converters.families.family import Family, Options, integer, real
from quoth_converters.families.gpt2_blocks import MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH
from quoth_converters.families.llama_blocks import Layout, Names
from quoth_converters.families.rope import rope_of, settings_of
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.finding import find_vocabulary

_INNER: Final = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_QKV: Final = frozenset({"attn_q", "attn_k", "attn_v"})
_FFN: Final = frozenset({"ffn_gate", "ffn_up", "ffn_down"})


@dataclass(frozen=True, slots=True)
class _Kind:
    """What sets one of these families apart."""

    name: str
    architecture: str
    biased: Callable[[Mapping[str, Any]], frozenset[str]]
    window_is_used: Callable[[Mapping[str, Any]], bool] = lambda config: True
    head: int | None = None  # its usual width where the settings do not say; None: n_embd / n_head
    head_norms: bool = False
    epsilon: float = 1e-6


def _llama_biases(config: Mapping[str, Any]) -> frozenset[str]:
    attention = _QKV | {"attn_output"} if config.get("attention_bias") else frozenset[str]()
    return attention | _FFN if config.get("mlp_bias") else attention


def _qwen3_biases(config: Mapping[str, Any]) -> frozenset[str]:
    if config.get("attention_bias"):
        raise ModelError("this Qwen3 has biases in its attention", "llama.cpp's qwen3 has none at its output")
    return frozenset()


def _says_window(config: Mapping[str, Any]) -> bool:
    return config.get("use_sliding_window") is True


_KINDS: Final = {
    "llama": _Kind("Llama", "llama", _llama_biases),
    "mistral": _Kind("Mistral", "llama", lambda config: frozenset()),
    "qwen2": _Kind("Qwen2", "qwen2", lambda config: _QKV, _says_window),
    "qwen3": _Kind("Qwen3", "qwen3", _qwen3_biases, _says_window, head=128, head_norms=True),
}


def describe(source: Source, options: Options) -> ModelSpec:
    config = source.config
    kind = _KINDS[config["model_type"]]
    if config.get("hidden_act", "silu") not in ("silu", "swish"):
        why = "llama.cpp has SiLU alone between its layers"
        raise ModelError(f"this {kind.name} uses {escaped(config['hidden_act'])}", why)
    n_embd = integer(config, "hidden_size", most=MAX_WIDTH)
    n_head = integer(config, "num_attention_heads", most=1024)
    n_ctx = integer(config, "max_position_embeddings", most=MAX_CONTEXT)
    head = _head_width(config, kind, n_embd, n_head)
    within, notes = _window(config, kind, n_ctx)
    layout = Layout(
        kind.name,
        kind.architecture,
        _names(source),
        n_layer=integer(config, "num_hidden_layers", most=MAX_LAYERS),
        n_head=n_head,
        n_head_kv=integer({"num_key_value_heads": n_head, **_given(config)}, "num_key_value_heads", most=1024),
        n_embd=n_embd,
        head=head,
        n_ff=integer(config, "intermediate_size", most=MAX_WIDTH),
        n_ctx=within,
        n_rows=integer(config, "vocab_size", most=MAX_ROWS),
        epsilon=real(config, "rms_norm_eps", kind.epsilon),
        rope=rope_of(config, head, n_ctx, table=kind.architecture == "llama"),
        biased=kind.biased(config),
        head_norms=kind.head_norms,
    )
    vocabulary = find_vocabulary(source.files, config, options.tokenizer)
    computed = {name: "computed from the settings" for name in source.tensors if name.endswith("rotary_emb.inv_freq")}
    return llama_blocks.describe(source, layout, vocabulary, notes, computed)


def _given(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}


def _names(source: Source) -> Names:
    prefix = "model." if "model.embed_tokens.weight" in source.tensors else ""
    return Names(f"{prefix}embed_tokens.weight", f"{prefix}norm.weight", "lm_head.weight", f"{prefix}layers.", _INNER)


def _head_width(config: Mapping[str, Any], kind: _Kind, n_embd: int, n_head: int) -> int:
    """Of one head; all of it must be rotated, and where llama.cpp cannot be told, heads must fill the width."""
    usual = kind.head or n_embd // n_head
    head = integer({"head_dim": usual, **_given(config)}, "head_dim", most=MAX_WIDTH)
    if kind.architecture == "qwen2" and head * n_head != n_embd:
        why = f"{n_head} heads of {head} are not {n_embd}, as llama.cpp's qwen2 has it"
        raise ModelError("this Qwen2 has heads of a width of their own", why)
    rotated = config.get("partial_rotary_factor", settings_of(config).get("partial_rotary_factor", 1))
    if rotated not in (1, None):
        why = f"llama.cpp's {kind.architecture} rotates all of a head"
        raise ModelError(f"this {kind.name} rotates {escaped(rotated)} of a head", why)
    return head


def _window(config: Mapping[str, Any], kind: _Kind, n_ctx: int) -> tuple[int, tuple[str, ...]]:
    """The context within which a sliding window hides nothing: there it is the same model."""
    if config.get("sliding_window") is None or not kind.window_is_used(config):
        return n_ctx, ()
    window = integer(config, "sliding_window", most=MAX_CONTEXT)
    if window >= n_ctx:
        return n_ctx, ()
    note = f"its context ends at its window of {window:,} tokens: llama.cpp's {kind.architecture} has no window"
    return window, (note,)


def _family(model_type: str, exactness: str) -> Family:
    kind = _KINDS[model_type]
    return Family(kind.name, kind.architecture, exactness, lambda s: s.config.get("model_type") == model_type, describe)


LLAMA: Final = _family("llama", "exact")
MISTRAL: Final = _family("mistral", "exact; the context ends at its sliding window")
QWEN2: Final = _family("qwen2", "exact; the context ends at its sliding window, where one is used")
QWEN3: Final = _family("qwen3", "exact; the context ends at its sliding window, where one is used")
