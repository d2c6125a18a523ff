"""One map of the tensors of llama.cpp's architectures, which every family fills with its own.

A family names the module of each tensor, in the order of the file, and says what is done to a value on its way. Shapes
follow from the sizes, so that each is demanded of the checkpoint before a weight is read. Tensors, keys and required
biases: models/{gpt2,gptneox,phi2,llama,qwen2,qwen3}.cpp of llama.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Sizes
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import same_bytes
from quoth_converters.spec import Again, Fill, Fuse, ModelSpec, Rows, Scalar, Scale, Shape, Take, TensorSpec, Value
from quoth_converters.vocab import Vocabulary

# Tensor: its rows and columns. Those of the blocks are blk.{bid}.NAME; rows of the vocabulary may be padded.
SHAPES: Final[Mapping[str, tuple[str, ...]]] = {
    "token_embd": ("vocabulary", "width"),
    "position_embd": ("context", "width"),
    "attn_norm": ("width",),
    "attn_qkv": ("fused", "width"),
    "attn_q": ("queries", "width"),
    "attn_k": ("keys", "width"),
    "attn_v": ("keys", "width"),
    "attn_q_norm": ("head",),
    "attn_k_norm": ("head",),
    "attn_output": ("width", "queries"),
    "ffn_norm": ("width",),
    "ffn_gate": ("inner", "width"),
    "ffn_up": ("inner", "width"),
    "ffn_down": ("width", "inner"),
    "output_norm": ("width",),
    "output": ("vocabulary", "width"),
}
_OUTER: Final = ("token_embd", "position_embd", "output_norm", "output")
BIASES: Final = frozenset({"attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down", "output_norm"})


@dataclass(frozen=True, slots=True)
class Architecture:
    """What llama.cpp demands: which tensors must have a bias, and whether the head must be there."""

    biases: frozenset[str] = frozenset()
    needs_head: bool = False
    is_llama: bool = False  # RMS norms, heads of any width, keys and values for groups of them


ARCHITECTURES: Final = {
    "gpt2": Architecture(BIASES),
    "gptneox": Architecture(BIASES, needs_head=True),
    "phi2": Architecture(BIASES | {"output"}, needs_head=True),
    **dict.fromkeys(("llama", "qwen2", "qwen3"), Architecture(is_llama=True)),
}

Change = Callable[[Value, Shape, int], Value]  # of a weight or a bias: its value, its shape, its layer


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family writes an architecture down.

    `names`: the module of each tensor, or several that are put one below the other. `prefix`: before all of them but
    the head's, or not at all. `biases`: the tensors whose modules have one. `dropped`: expression over names to reason.
    """

    family: str
    architecture: str
    sizes: Sizes
    names: Mapping[str, str | tuple[str, ...]]
    prefix: str = ""
    epsilon: float = 1e-5
    keys: Mapping[str, Scalar] = field(default_factory=dict)
    biases: Collection[str] = ()
    changes: Mapping[str, Change] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    extra: tuple[TensorSpec, ...] = ()
    notes: tuple[str, ...] = ()


def model_of(source: Source, layout: Layout, vocabulary: Vocabulary) -> ModelSpec:
    """The specification of a checkpoint with this layout."""
    filled = _Filled(source, layout, vocabulary)
    dropped = {name: why for name in source.tensors for form, why in layout.dropped.items() if re.fullmatch(form, name)}
    if filled.is_tied and filled.head in source.tensors and not filled.architecture.needs_head:
        dropped[filled.head] = "the same as the token embedding"
    padding = layout.sizes.rows - len(vocabulary) + vocabulary.appended
    notes = (f"{padding} rows of padding dropped from the embedding",) if padding else ()
    return ModelSpec(
        layout.architecture,
        layout.family,
        {**_keys(layout), **layout.keys},
        tuple(filled.tensors()),
        vocabulary,
        dropped,
        (*notes, *layout.notes),
    )


def queries_scaled(value: Value, factor: float, rows: int) -> Value:
    """Fused queries, keys and values, with the first rows, the queries', times a factor."""
    return Fuse((Scale(Rows(value, 0, rows), factor), Rows(value, rows, 3 * rows)))


def _keys(layout: Layout) -> dict[str, Scalar]:
    sizes, is_llama = layout.sizes, ARCHITECTURES[layout.architecture].is_llama
    keys: dict[str, Scalar] = {
        "context_length": sizes.context,
        "embedding_length": sizes.width,
        "block_count": sizes.layers,
        "feed_forward_length": sizes.inner,
        "attention.head_count": sizes.heads,
    }
    if not is_llama:
        return {**keys, "attention.layer_norm_epsilon": layout.epsilon}
    return {
        **keys,
        "attention.head_count_kv": sizes.kv_heads,
        "attention.key_length": sizes.head,
        "attention.value_length": sizes.head,
        "attention.layer_norm_rms_epsilon": layout.epsilon,
    }


class _Filled:
    """The map, filled with the tensors of a checkpoint."""

    def __init__(self, source: Source, layout: Layout, vocabulary: Vocabulary) -> None:
        self._source, self._layout, self._vocabulary = source, layout, vocabulary
        self.architecture = ARCHITECTURES[layout.architecture]
        first, sizes = f"{layout.names['token_embd']}.weight", layout.sizes
        self._prefix = layout.prefix if layout.prefix + first in source.tensors else ""
        self.head = f"{layout.names['output']}.weight"
        self.is_tied = _is_tied(source, self.head, self._prefix + first)
        queries, keys = sizes.heads * sizes.head, sizes.kv_heads * sizes.head
        self._lengths = {
            "vocabulary": len(vocabulary),
            "width": sizes.width,
            "context": sizes.context,
            "inner": sizes.inner,
            "head": sizes.head,
            "queries": queries,
            "keys": keys,
            "fused": queries + 2 * keys,
        }

    def tensors(self) -> Iterator[TensorSpec]:
        """All of them, in the order of the file."""
        names = self._layout.names
        for name in _OUTER[:2]:
            yield from self._tensor(name) if name in names else ()
        yield from self._layout.extra
        for layer in range(self._layout.sizes.layers):
            for name in names:
                yield from self._tensor(name, layer) if name not in _OUTER else ()
        yield from self._tensor("output_norm")
        if self.architecture.needs_head or not self.is_tied:
            yield from self._tensor("output")

    def _tensor(self, name: str, layer: int = 0) -> Iterator[TensorSpec]:
        """A weight and its bias: zeros where the architecture requires one that the source lacks."""
        full = name if name in _OUTER else f"blk.{layer}.{name}"
        shape = tuple(self._lengths[length] for length in SHAPES[name])
        yield TensorSpec(f"{full}.weight", shape, self._value(name, "weight", shape, layer))
        if name in self._layout.biases:
            yield TensorSpec(f"{full}.bias", shape[:1], self._value(name, "bias", shape[:1], layer))
        elif name in self.architecture.biases:
            yield TensorSpec(f"{full}.bias", shape[:1], Fill(shape[:1]))

    def _value(self, name: str, part: str, shape: Shape, layer: int) -> Value:
        layout, modules = self._layout, self._layout.names[name]
        prefix = "" if name == "output" else self._prefix
        taken = [
            Take(f"{prefix}{module}.{part}".format(bid=layer))
            for module in ((modules,) if isinstance(modules, str) else modules)
        ]
        if (name, part) == ("output", "weight") and self.head not in self._source.tensors:
            return Again(self._value("token_embd", part, shape, layer))
        if SHAPES[name][0] == "vocabulary":
            return _embedding(taken[0], layout.sizes.rows, shape[1:], self._vocabulary)
        value = taken[0] if len(taken) == 1 else Fuse(tuple(taken))
        change = layout.changes.get(name)
        return change(value, shape, layer) if change else value


def _is_tied(source: Source, head: str, tokens: str) -> bool:
    """Whether the head is the token embedding: it is absent, or has the same bytes. Settings may lie about it."""
    if head in source.tensors:
        return tokens in source.tensors and same_bytes(source.tensors[head], source.tensors[tokens])
    if source.config.get("tie_word_embeddings") is False:
        raise ModelError(f"tensor {head} is missing", "the settings say that it is not the token embedding")
    return True


def _embedding(table: Take, rows: int, columns: Shape, vocabulary: Vocabulary) -> Value:
    """One row per token, from a table of `rows` rows: padding dropped, rows of zeros for appended tokens.

    Few rows are padding: up to the next multiple of 128, or a thirty-second of them. More says another tokenizer.
    """
    own = len(vocabulary) - vocabulary.appended
    padding = rows - own
    if padding < 0 or (vocabulary.exact and padding) or padding > max(127, rows // 32):
        raise ModelError(
            "the tokenizer does not fit the checkpoint",
            f"{escaped(vocabulary.origin)} has {own:,} tokens and {escaped(table.name)} has {rows:,} rows",
            "Give the right one with --tokenizer",
        )
    value: Value = Rows(table, 0, own) if padding else table
    return Fuse((value, Fill((vocabulary.appended, *columns)))) if vocabulary.appended else value
