"""The families of checkpoints: those that are known, and those that are refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, model_type
from quoth_converters.families.gpt2 import GPT2
from quoth_converters.families.gptj import GPTJ
from quoth_converters.families.gptneo import GPTNEO
from quoth_converters.families.gptneox import GPTNEOX
from quoth_converters.families.llama import LLAMA, MISTRAL, QWEN2, QWEN3
from quoth_converters.families.llama2c import LLAMA2C
from quoth_converters.families.llmc import LLMC
from quoth_converters.families.mingpt import MINGPT
from quoth_converters.families.nanogpt import NANOGPT
from quoth_converters.formats.source import Source

__all__ = ["FAMILIES", "Family", "Options", "family_of"]

FAMILIES: Final = (GPT2, NANOGPT, MINGPT, LLMC, LLAMA2C, LLAMA, MISTRAL, QWEN2, QWEN3, GPTNEOX, GPTJ, GPTNEO)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A family that is refused, and why."""

    name: str
    why: str
    match: Callable[[Source], bool]
    try_: str = ""


def _tensors(*parts: str) -> Callable[[Source], bool]:
    return lambda source: any(part in name for name in source.tensors for part in parts)


def _classifies(source: Source) -> bool:
    names = source.config.get("architectures")
    heads = [str(name) for name in names] if isinstance(names, list) else []
    return any(name.endswith(_CLASSIFIERS) for name in heads) or "score.weight" in source.tensors


def _megatron(source: Source) -> bool:
    return "checkpoint_version" in source.config or _tensors("language_model.encoder.layers")(source)


_CLASSIFIERS: Final = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MultipleChoice")
_LATER: Final = "this family is not converted yet"
REFUSED: Final = (
    Refusal("a model that classifies", "its head gives classes, not next tokens", _classifies),
    Refusal(
        "an encoder and a decoder",
        "Quoth runs only decoders",
        lambda source: source.config.get("is_encoder_decoder") is True,
    ),
    Refusal("OPT", "llama.cpp has no architecture with learned positions and ReLU", model_type("opt")),
    Refusal("GPT-1", "llama.cpp has no causal architecture that normalizes after each layer", model_type("openai-gpt")),
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
    Refusal("BLOOM", _LATER, model_type("bloom")),
    Refusal("StarCoder", _LATER, model_type("gpt_bigcode", "starcoder2")),
    Refusal("Phi", _LATER, model_type("phi", "phi3", "phi-msft")),
    Refusal("Gemma", _LATER, model_type("gemma", "gemma2", "gemma3", "gemma3_text")),
    Refusal("CodeGen", _LATER, model_type("codegen")),
)


def family_of(source: Source) -> Family:
    """The family of a source. Raises ModelError saying why it cannot be converted."""
    for refusal in REFUSED:
        if refusal.match(source):
            raise ModelError(f"{refusal.name} cannot be converted", refusal.why, refusal.try_)
    for family in FAMILIES:
        if family.match(source):
            return family
    named = source.config.get("model_type") or next(iter(source.tensors))
    known = ", ".join(family.name for family in FAMILIES)
    raise ModelError(
        f"{escaped(source.origin.name)} is not of a known family",
        f"it says {escaped(named)}",
        f"The known families are {known}",
    )
