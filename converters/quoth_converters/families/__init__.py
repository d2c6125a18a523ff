"""The families of checkpoints: the first that knows a source describes it, unless it is one that is refused."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options
from quoth_converters.families.gpt2 import GPT2
from quoth_converters.families.gptj import GPTJ
from quoth_converters.families.gptneo import GPTNEO
from quoth_converters.families.gptneox import GPTNEOX
from quoth_converters.families.llama import LLAMA, MISTRAL, QWEN2, QWEN3
from quoth_converters.families.llama2c import LLAMA2C
from quoth_converters.families.llmc import LLMC
from quoth_converters.families.mingpt import MINGPT
from quoth_converters.families.nanogpt import NANOGPT
from quoth_converters.families.refused import REFUSED
from quoth_converters.formats.source import Source

__all__ = ["FAMILIES", "Family", "Options", "family_of"]

FAMILIES: Final = (GPT2, NANOGPT, MINGPT, LLMC, LLAMA2C, LLAMA, MISTRAL, QWEN2, QWEN3, GPTNEOX, GPTJ, GPTNEO)


def family_of(source: Source) -> Family:
    """The family of a source; ModelError naming what is in the way if there is none."""
    for refusal in REFUSED:
        if refusal.match(source):
            raise ModelError(f"{refusal.name} cannot be converted", refusal.why, refusal.try_)
    for family in FAMILIES:
        if family.match(source):
            return family
    named = source.config.get("model_type") or next(iter(source.tensors))
    known = ", ".join(family.name for family in FAMILIES)
    raise ModelError(
        f"{escaped(source.origin.name)} is of no family that is known",
        f"it says {escaped(named)}",
        f"Known are {known}",
    )
