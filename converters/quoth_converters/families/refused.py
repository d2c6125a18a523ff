"""What is known and not converted, each with one sentence: an operation that llama.cpp lacks, or work not done yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quoth_converters.formats.source import Source


@dataclass(frozen=True, slots=True)
class Refusal:
    """A family that is refused, and why."""

    name: str
    why: str
    match: Callable[[Source], bool]
    try_: str = ""


def _types(*names: str) -> Callable[[Source], bool]:
    return lambda source: source.config.get("model_type") in names


def _tensors(*parts: str) -> Callable[[Source], bool]:
    return lambda source: any(part in name for name in source.tensors for part in parts)


def _heads(*endings: str) -> Callable[[Source], bool]:
    return lambda source: any(str(name).endswith(endings) for name in _architectures(source))


def _architectures(source: Source) -> list[object]:
    names = source.config.get("architectures")
    return names if isinstance(names, list) else []


def _megatron(source: Source) -> bool:
    return "checkpoint_version" in source.config or _tensors("language_model.encoder.layers")(source)


_LATER: Final = "this family is not converted yet"
REFUSED: Final = (
    Refusal(
        "a model that classifies",
        "its head gives classes, not next tokens",
        _heads("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice"),
    ),
    Refusal(
        "an encoder and a decoder",
        "Quoth runs decoders alone",
        lambda source: source.config.get("is_encoder_decoder") is True,
    ),
    Refusal("OPT", "llama.cpp has no architecture with learned positions and ReLU", _types("opt")),
    Refusal("GPT-1", "llama.cpp has no causal architecture that normalizes after each layer", _types("openai-gpt")),
    Refusal(
        "nanochat of 2026 or later",
        "llama.cpp has no value embeddings, residual mixing of the first layer, smear or backout gates",
        _tensors("resid_lambdas", "x0_lambdas", "smear_gate", "backout_lambda"),
    ),
    Refusal(
        "modded-nanogpt",
        "llama.cpp has no value embeddings, learned skips or squared ReLU with a capped head",
        _tensors("value_embeds", "skip_weights", "lambdas", "bigram_embed"),
    ),
    Refusal(
        "Megatron-LM",
        "its shards are for its own program, and queries, keys and values lie in them by version",
        _megatron,
        "Convert it to Hugging Face's layout with Megatron's own tools first",
    ),
    Refusal("BLOOM", _LATER, _types("bloom")),
    Refusal("StarCoder", _LATER, _types("gpt_bigcode", "starcoder2")),
    Refusal("Phi", _LATER, _types("phi", "phi3", "phi-msft")),
    Refusal("Gemma", _LATER, _types("gemma", "gemma2", "gemma3", "gemma3_text")),
    Refusal("CodeGen", _LATER, _types("codegen")),
)
