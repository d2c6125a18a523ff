"""minGPT's model.pt: the state_dict alone, with an untied head; heads are counted in the config.json of its work_dir.

Source: mingpt/model.py, mingpt/utils.py and projects/chargpt/chargpt.py of minGPT.
"""

from __future__ import annotations

from quoth.errors import ModelError
from quoth_converters.families import gpt2_blocks
from quoth_converters.families.family import Family, Options, integer
from quoth_converters.families.gpt2_blocks import MAX_WIDTH, Layout
from quoth_converters.formats.source import Source
from quoth_converters.spec import ModelSpec
from quoth_converters.vocab.characters import read_meta
from quoth_converters.vocab.finding import find_vocabulary

# Of mingpt.model.GPT: the names of its sizes, which stand for a number of heads.
_HEADS = {
    "openai-gpt": 12,
    "gpt2": 12,
    "gpt2-medium": 16,
    "gpt2-large": 20,
    "gpt2-xl": 25,
    "gopher-44m": 16,
    "gpt-mini": 6,
    "gpt-micro": 4,
    "gpt-nano": 3,
}


def match(source: Source) -> bool:
    """GPT-2's names with nn.Linear's [out, in] shapes, and a head of its own."""
    fused = source.tensors.get("transformer.h.0.attn.c_attn.weight")
    linear = fused is not None and len(fused.shape) == 2 and fused.shape[0] == 3 * fused.shape[1]
    return linear and "lm_head.weight" in source.tensors and not {"model_type", "model_args"} & source.config.keys()


def describe(source: Source, options: Options) -> ModelSpec:
    rows, n_embd = _shape(source, "transformer.wte.weight")
    n_ctx, _ = _shape(source, "transformer.wpe.weight")
    n_head = options.n_head or _heads(source)
    if n_head is None:
        why = "the file holds tensors alone, and no config.json beside it says"
        raise ModelError("the number of attention heads is not known", why, "Give --n-head")
    layers = {name.split(".")[2] for name in source.tensors if name.startswith("transformer.h.")}
    layout = Layout(
        "minGPT",
        n_layer=len(layers),
        n_head=integer({"n_head": n_head}, "n_head", most=1024),
        n_embd=integer({"n_embd": n_embd}, "n_embd", most=MAX_WIDTH),
        n_ctx=n_ctx,
        n_rows=rows,
        n_inner=4 * n_embd,
        prefix="transformer.",
    )
    named = options.meta
    vocabulary = read_meta(named) if named else find_vocabulary(source.files, {}, options.tokenizer)
    return gpt2_blocks.describe(source, layout, vocabulary)


def _shape(source: Source, name: str) -> tuple[int, int]:
    tensor = source.tensors.get(name)
    if tensor is None or len(tensor.shape) != 2 or min(tensor.shape) < 1:
        raise ModelError(f"tensor {name} is missing or no table")
    return tensor.shape[0], tensor.shape[1]


def _heads(source: Source) -> int | None:
    """From config.json as utils.setup_logging writes it: {"model": {"n_head", "model_type", ...}, ...}."""
    model = source.config.get("model")
    if not isinstance(model, dict):
        return None
    heads = model.get("n_head") or _HEADS.get(str(model.get("model_type")))
    return heads if isinstance(heads, int) else None


MINGPT = Family("minGPT", "gpt2", "exact", match, describe)
