"""minGPT's model.pt: a state_dict with an untied head; the config.json of its work_dir counts its heads (utils.py)."""

from __future__ import annotations

from typing import Final

from quoth.errors import ModelError
from quoth_converters.families.family import GPT2_SIZES, Family, Options, sizes_of, vocabulary_of_files
from quoth_converters.families.gpt2_names import gpt2_layout
from quoth_converters.families.tensor_map import Layout
from quoth_converters.formats.source import Source
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.characters import read_meta

# Of mingpt.model.GPT: the names of its sizes, which stand for a number of heads.
_HEADS: Final = {
    **dict.fromkeys(("openai-gpt", "gpt2"), 12),
    **{"gpt2-medium": 16, "gpt2-large": 20, "gpt2-xl": 25, "gopher-44m": 16},
    **{"gpt-mini": 6, "gpt-micro": 4, "gpt-nano": 3},
}


def match(source: Source) -> bool:
    """GPT-2's names with nn.Linear's [out, in] shapes, and an untied head."""
    fused = source.tensors.get("transformer.h.0.attn.c_attn.weight")
    linear = fused is not None and len(fused.shape) == 2 and fused.shape[0] == 3 * fused.shape[1]
    return linear and "lm_head.weight" in source.tensors and not {"model_type", "model_args"} & source.config.keys()


def layout(source: Source, options: Options) -> Layout:
    rows, width = _shape(source, "transformer.wte.weight")
    context, _ = _shape(source, "transformer.wpe.weight")
    layers = len({name.split(".")[2] for name in source.tensors if name.startswith("transformer.h.")})
    heads = options.n_head or _heads(source.config.get("model"))
    if heads is None:
        why = "the file holds only tensors, and no config.json beside it says"
        raise ModelError("the number of attention heads is not known", why, "Give --n-head")
    found = {"n_layer": layers, "n_head": heads, "n_embd": width, "n_positions": context, "vocab_size": rows}
    return gpt2_layout("minGPT", source, sizes_of(found, GPT2_SIZES))


def vocabulary(source: Source, options: Options, layout: Layout) -> Vocabulary:
    return read_meta(options.meta) if options.meta else vocabulary_of_files(source, options, layout)


def _shape(source: Source, name: str) -> tuple[int, int]:
    tensor = source.tensors.get(name)
    if tensor is None or len(tensor.shape) != 2 or min(tensor.shape) < 1:
        raise ModelError(f"tensor {name} is missing or not a table")
    return tensor.shape[0], tensor.shape[1]


def _heads(model: object) -> int | None:
    """From config.json as utils.setup_logging writes it: {"model": {"n_head", "model_type", ...}, ...}."""
    found = model if isinstance(model, dict) else {}
    heads = found.get("n_head") or _HEADS.get(str(found.get("model_type")))
    return heads if isinstance(heads, int) else None


MINGPT: Final = Family("minGPT", "gpt2", match, layout, vocabulary)
