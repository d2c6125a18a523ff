"""The architecture gpt2 of llama.cpp, as every family of GPT-2's shape fills it: one table of names for all.

Tensors and keys: models/gpt2.cpp of llama.cpp, where each bias is required and only the output may be absent (tied).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quoth.errors import ModelError
from quoth_converters.families.family import embedding, padding_note
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import same_bytes
from quoth_converters.spec import Fill, Fuse, ModelSpec, Rows, Scale, Take, TensorSpec, Transpose, Value
from quoth_converters.vocab import Vocabulary

MAX_LAYERS: Final = 512  # LLAMA_MAX_LAYERS
MAX_WIDTH: Final = 1 << 20
MAX_CONTEXT: Final = 1 << 24
MAX_ROWS: Final = 1 << 22
MASKS: Final = re.compile(r".*\.attn\.(bias|masked_bias)")  # buffers of older versions: the causal mask, no weights

# Of a block: the GGUF's name, the source's, and its columns and rows in units of n_embd; 0 is n_inner.
_MATRICES: Final = (
    ("attn_qkv", "attn.c_attn", 3, 1),
    ("attn_output", "attn.c_proj", 1, 1),
    ("ffn_up", "mlp.c_fc", 0, 1),
    ("ffn_down", "mlp.c_proj", 1, 0),
)
_NORMS: Final = (("attn_norm", "ln_1"), ("ffn_norm", "ln_2"))


@dataclass(frozen=True, slots=True)
class Layout:
    """How one family of GPT-2's shape writes it down."""

    family: str
    n_layer: int
    n_head: int
    n_embd: int
    n_ctx: int
    n_rows: int  # of the embedding, padding among them
    n_inner: int
    epsilon: float = 1e-5
    prefix: str = ""
    transposed: bool = False  # matrices are [in, out], as Conv1D has them
    query_scales: tuple[float, ...] = ()  # of each layer, where attention is scaled unlike llama.cpp does it

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise ModelError(f"n_embd {self.n_embd} is no multiple of n_head {self.n_head}")


def describe(source: Source, layout: Layout, vocabulary: Vocabulary, notes: tuple[str, ...] = ()) -> ModelSpec:
    """The model of such a layout."""
    prefix, width = layout.prefix, layout.n_embd
    tokens, head = f"{prefix}wte.weight", "lm_head.weight"
    dropped = {name: "a causal mask" for name in source.tensors if MASKS.fullmatch(name)}
    tensors = [
        TensorSpec("token_embd.weight", (len(vocabulary), width), embedding(tokens, layout.n_rows, width, vocabulary)),
        TensorSpec("position_embd.weight", (layout.n_ctx, width), Take(f"{prefix}wpe.weight")),
        *(tensor for layer in range(layout.n_layer) for tensor in _block(source, layout, layer)),
        *_norm(source, "output_norm", f"{prefix}ln_f", width),
    ]
    if head in source.tensors:
        if tokens in source.tensors and same_bytes(source.tensors[head], source.tensors[tokens]):
            dropped[head] = "the same as the token embedding"
        else:
            value = embedding(head, layout.n_rows, width, vocabulary)
            tensors.append(TensorSpec("output.weight", (len(vocabulary), width), value))
    return ModelSpec(
        architecture="gpt2",
        family=layout.family,
        hyperparameters={
            "context_length": layout.n_ctx,
            "embedding_length": width,
            "block_count": layout.n_layer,
            "feed_forward_length": layout.n_inner,
            "attention.head_count": layout.n_head,
            "attention.layer_norm_epsilon": layout.epsilon,
        },
        tensors=tuple(tensors),
        vocabulary=vocabulary,
        dropped=dropped,
        notes=(*padding_note(layout.n_rows, vocabulary), *notes),
    )


def _block(source: Source, layout: Layout, layer: int) -> Iterator[TensorSpec]:
    block, prefix = f"blk.{layer}", f"{layout.prefix}h.{layer}"
    for ours, theirs in _NORMS:
        yield from _norm(source, f"{block}.{ours}", f"{prefix}.{theirs}", layout.n_embd)
    for ours, theirs, out, into in _MATRICES:
        rows, columns = out * layout.n_embd or layout.n_inner, into * layout.n_embd or layout.n_inner
        weight: Value = Take(f"{prefix}.{theirs}.weight")
        weight = Transpose(weight) if layout.transposed else weight
        bias = _bias(source, f"{prefix}.{theirs}", rows)
        if ours == "attn_qkv" and layout.query_scales and layout.query_scales[layer] != 1:
            scale = layout.query_scales[layer]
            weight, bias = _query_scaled(weight, scale, layout.n_embd), _query_scaled(bias, scale, layout.n_embd)
        yield TensorSpec(f"{block}.{ours}.weight", (rows, columns), weight)
        yield TensorSpec(f"{block}.{ours}.bias", (rows,), bias)


def _norm(source: Source, ours: str, theirs: str, width: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{ours}.weight", (width,), Take(f"{theirs}.weight"))
    yield TensorSpec(f"{ours}.bias", (width,), _bias(source, theirs, width))


def _bias(source: Source, name: str, width: int) -> Value:
    """A layer's bias; zeros where the whole model was trained without (llama.cpp requires them)."""
    return Take(f"{name}.bias") if has_biases(source) else Fill((width,))


def has_biases(source: Source) -> bool:
    """Whether the model has biases: then it must have all of them."""
    return any(name.endswith(".bias") and not MASKS.fullmatch(name) for name in source.tensors)


def _query_scaled(value: Value, factor: float, width: int) -> Value:
    """Fused queries, keys and values, with the queries' rows times a factor."""
    return Fuse((Scale(Rows(value, 0, width), factor), Rows(value, width, 3 * width)))
