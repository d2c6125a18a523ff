"""Llama, SmolLM, Mistral, Qwen2 and Qwen3 as transformers saves them (LlamaConfig and those of the others)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from quoth.errors import ModelError
from quoth_converters.families.family import Family, Options, model_type
from quoth_converters.families.llama_names import llama_layout
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source

_QKV: Final = ("attn_q", "attn_k", "attn_v")


def _llama(source: Source, options: Options) -> Layout:
    config = source.config
    attention = (*_QKV, "attn_output") if config.get("attention_bias") else ()
    biases = (*attention, "ffn_gate", "ffn_up", "ffn_down") if config.get("mlp_bias") else attention
    return llama_layout("Llama", "llama", config, biases=biases, window=config.get("sliding_window"))


def _mistral(source: Source, options: Options) -> Layout:
    return llama_layout("Mistral", "llama", source.config, window=source.config.get("sliding_window"))


def _qwen2(source: Source, options: Options) -> Layout:
    layout = llama_layout("Qwen2", "qwen2", source.config, biases=_QKV, window=_window_in_use(source))
    if (each := layout.sizes).head * each.heads != each.width:
        why = f"{each.heads} heads of {each.head} do not fill a width of {each.width}, as llama.cpp's qwen2 has it"
        raise ModelError("this Qwen2 has heads of another width", why)
    return layout


def _qwen3(source: Source, options: Options) -> Layout:
    if source.config.get("attention_bias"):
        raise ModelError("this Qwen3 has biases in its attention", "llama.cpp's qwen3 has none at its output")
    layout = llama_layout("Qwen3", "qwen3", source.config, window=_window_in_use(source), head=128)
    norms = {f"attn_{part}_norm": f"layers.{{bid}}.self_attn.{part}_norm" for part in "qk"}
    return replace(layout, names={**layout.names, **norms})


def _window_in_use(source: Source) -> object:
    return source.config.get("sliding_window") if source.config.get("use_sliding_window") is True else None


LLAMA: Final = Family("Llama", "llama", model_type("llama"), _llama)
MISTRAL: Final = Family("Mistral", "llama", model_type("mistral"), _mistral)
QWEN2: Final = Family("Qwen2", "qwen2", model_type("qwen2"), _qwen2)
QWEN3: Final = Family("Qwen3", "qwen3", model_type("qwen3"), _qwen3)
