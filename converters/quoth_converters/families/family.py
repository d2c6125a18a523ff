"""What a family of checkpoints is, and how its settings are read: each within what llama.cpp allows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import Source
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.find_tokenizer import find_vocabulary

if TYPE_CHECKING:
    from quoth_converters.families.tensor_map import Layout

MAX_LAYERS: Final = 512  # LLAMA_MAX_LAYERS
MAX_HEADS: Final = 1024
MAX_WIDTH: Final = 1 << 20
MAX_CONTEXT: Final = 1 << 24
MAX_ROWS: Final = 1 << 22
# What llama.cpp computes between the layers, and transformers' names for it: the exact and the tanh form are one to it.
_ACTIVATIONS: Final = {
    "GELU": ("gelu_new", "gelu", "gelu_fast", "gelu_pytorch_tanh", "gelu_python", "gelu_accurate"),
    "SiLU": ("silu", "swish"),
}
# Of `Sizes`: what settings call them.
GPT2_SIZES: Final[Mapping[str, tuple[str, ...]]] = {
    "width": ("n_embd", "hidden_size"),
    "layers": ("n_layer", "num_hidden_layers"),
    "heads": ("n_head", "num_attention_heads"),
    "context": ("n_positions", "n_ctx", "max_position_embeddings"),
    "inner": ("n_inner",),
    "rows": ("vocab_size",),
}
TRANSFORMERS_SIZES: Final[Mapping[str, tuple[str, ...]]] = {
    "width": ("hidden_size",),
    "layers": ("num_hidden_layers", "num_layers"),
    "heads": ("num_attention_heads", "num_heads"),
    "context": ("max_position_embeddings",),
    "inner": ("intermediate_size",),
    "rows": ("vocab_size",),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the user can say of a checkpoint that is not in it."""

    tokenizer: Path | None = None
    meta: Path | None = None  # a character table
    n_head: int | None = None  # where the checkpoint does not say


def vocabulary_of_files(source: Source, options: Options, layout: Layout) -> Vocabulary:
    """The vocabulary that the user has named, or else that of the files beside the checkpoint."""
    return find_vocabulary(source.files, source.config, options.tokenizer)


@dataclass(frozen=True, slots=True)
class Family:
    """A family of checkpoints: its name, and how to know, lay out and tokenize it."""

    name: str
    match: Callable[[Source], bool]
    layout: Callable[[Source, Options], Layout]
    vocabulary: Callable[[Source, Options, Layout], Vocabulary] = vocabulary_of_files


@dataclass(frozen=True, slots=True)
class Sizes:
    """A model's sizes; `rows` are those of the embedding, padding among them, and `head` is the width of one."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    inner: int
    context: int
    rows: int


def model_type(*names: str) -> Callable[[Source], bool]:
    """Whether config.json names one of these types."""
    return lambda source: source.config.get("model_type") in names


def model_args_and(tensor: str) -> Callable[[Source], bool]:
    """Whether there are `model_args`, as nanoGPT and llama2.c save them, and this tensor."""
    return lambda source: isinstance(source.config.get("model_args"), dict) and tensor in source.tensors


def sizes_of(
    config: Mapping[str, Any],
    names: Mapping[str, tuple[str, ...]],
    *,
    inner: Callable[[int], int] | None = lambda width: 4 * width,
    head: int | None = None,
) -> Sizes:
    """The sizes under a family's names for them.

    `inner` computes the inner width from the model's where no setting gives it; `head` is the usual width of a head.
    Without names for `head` and `kv_heads`, the heads fill the width, and keys and values have as many.
    """
    width = integer(config, *names["width"], most=MAX_WIDTH)
    heads = integer(config, *names["heads"], most=MAX_HEADS)
    if width % heads and "head" not in names:
        raise ModelError(f"{names['width'][0]} {width} is not a multiple of {heads} heads")
    kv_heads = integer(config, *names.get("kv_heads", ()), most=MAX_HEADS, default=heads)
    if heads % kv_heads:
        raise ModelError(f"{heads} heads are not a multiple of {kv_heads} heads of keys and values")
    return Sizes(
        layers=integer(config, *names["layers"], most=MAX_LAYERS),
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head=integer(config, *names.get("head", ()), most=MAX_WIDTH, default=head or width // heads),
        inner=integer(config, *names.get("inner", ()), most=MAX_WIDTH, default=inner(width) if inner else None),
        context=integer(config, *names["context"], most=MAX_CONTEXT),
        rows=integer(config, *names["rows"], most=MAX_ROWS),
    )


def integer(config: Mapping[str, Any], *names: str, most: int, default: int | None = None) -> int:
    """The first of these settings that is there, from 1 to `most`. Raises ModelError."""
    name = next((name for name in names if config.get(name) is not None), None)
    if name is None and default is None:
        raise ModelError(f"the settings do not say {names[0]}", "", "Give the folder with its config.json")
    value = config[name] if name else default
    if type(value) is not int or not 1 <= value <= most:
        what = f"the settings say {name or names[0]} is {escaped(value)}"
        raise ModelError(what, f"it must be a number from 1 to {most:,}")
    return value


def real(config: Mapping[str, Any], name: str, default: float) -> float:
    """A setting that is a finite number above zero."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= sys.float_info.max:
        raise ModelError(f"the settings say {name} is {escaped(value)}", "it must be a number above 0")
    return float(value)


def require_activation(value: object, kind: Literal["GELU", "SiLU"], family: str, architecture: str) -> None:
    """Raise ModelError unless llama.cpp's architecture has the activation of the settings."""
    if value not in _ACTIVATIONS[kind]:
        why = f"llama.cpp's {architecture} has only {kind} between its layers"
        raise ModelError(f"this {family} uses {escaped(value)}", why)


def within_window(context: int, setting: object, name: str, architecture: str) -> tuple[int, tuple[str, ...]]:
    """The context in which a sliding window hides nothing, so that the model is the same; and the notes on it.

    `setting` is the one of this name, or None.
    """
    window = integer({name: setting}, name, most=MAX_CONTEXT, default=context)
    if window >= context:
        return context, ()
    note = f"its context ends at its window of {window:,} tokens: llama.cpp's {architecture} has no window"
    return window, (note,)
