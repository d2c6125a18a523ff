"""The architectures llama, qwen2 and qwen3 of llama.cpp, as every family of Llama's shape fills them.

Tensors and keys: models/llama.cpp, models/qwen2.cpp and models/qwen3.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quoth.errors import ModelError
from quoth_converters.families.family import embedding, padding_note
from quoth_converters.families.rope import Rope
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import same_bytes
from quoth_converters.spec import ModelSpec, Permute, Take, TensorSpec, Value
from quoth_converters.vocab import Vocabulary


@dataclass(frozen=True, slots=True)
class Names:
    """What a family calls the tensors: outside of the blocks, and in them by the GGUF's name."""

    tokens: str
    norm: str
    head: str
    block: str  # before the number
    inner: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """How one family of Llama's shape writes it down."""

    family: str
    architecture: str
    names: Names
    n_layer: int
    n_head: int
    n_head_kv: int
    n_embd: int
    head: int  # width of one
    n_ff: int
    n_ctx: int
    n_rows: int  # of the embedding, padding among them
    epsilon: float
    rope: Rope
    biased: frozenset[str] = frozenset()  # GGUF's names of the matrices that have a bias
    halves: bool = True  # the rotated pairs are half a head apart in the source
    head_norms: bool = False  # queries and keys are normalized by head

    def __post_init__(self) -> None:
        if self.n_head % self.n_head_kv:
            raise ModelError(f"{self.n_head} heads are no multiple of {self.n_head_kv} heads of keys and values")

    @property
    def neighbours(self) -> bool:
        """Whether the rows of a head must be moved: the architecture llama rotates neighbours."""
        return self.halves and self.architecture == "llama"


def describe(
    source: Source,
    layout: Layout,
    vocabulary: Vocabulary,
    notes: tuple[str, ...] = (),
    dropped: Mapping[str, str] | None = None,
) -> ModelSpec:
    """The model of such a layout; `dropped`: tensors that are no weights, and why."""
    names, width = layout.names, layout.n_embd
    table = (len(vocabulary), width)
    dropped = dict(dropped or {})
    tensors = [
        TensorSpec("token_embd.weight", table, embedding(names.tokens, layout.n_rows, width, vocabulary)),
        *layout.rope.tensors(),
        *(tensor for layer in range(layout.n_layer) for tensor in _block(layout, layer)),
        TensorSpec("output_norm.weight", (width,), Take(names.norm)),
    ]
    if is_tied(source, names.head, names.tokens):
        if names.head in source.tensors:
            dropped[names.head] = "the same as the token embedding"
    else:
        tensors.append(TensorSpec("output.weight", table, embedding(names.head, layout.n_rows, width, vocabulary)))
    return ModelSpec(
        architecture=layout.architecture,
        family=layout.family,
        hyperparameters={
            "context_length": layout.n_ctx,
            "embedding_length": width,
            "block_count": layout.n_layer,
            "feed_forward_length": layout.n_ff,
            "attention.head_count": layout.n_head,
            "attention.head_count_kv": layout.n_head_kv,
            "attention.key_length": layout.head,
            "attention.value_length": layout.head,
            "attention.layer_norm_rms_epsilon": layout.epsilon,
            **layout.rope.keys,
        },
        tensors=tuple(tensors),
        vocabulary=vocabulary,
        dropped=dropped,
        notes=(*padding_note(layout.n_rows, vocabulary), *layout.rope.notes, *notes),
    )


def is_tied(source: Source, head: str, tokens: str) -> bool:
    """Whether the head is the token embedding: it is not there, or the same bytes are. Settings may lie about it."""
    if head in source.tensors:
        return tokens in source.tensors and same_bytes(source.tensors[head], source.tensors[tokens])
    if source.config.get("tie_word_embeddings") is False:
        raise ModelError(f"tensor {head} is missing", "the settings say that it is not the token embedding")
    return True


def _block(layout: Layout, layer: int) -> Iterator[TensorSpec]:
    block, prefix = f"blk.{layer}", f"{layout.names.block}{layer}"
    for name, (rows, columns, heads) in _matrices(layout).items():
        theirs = f"{prefix}.{layout.names.inner[name]}"
        weight: Value = Take(f"{theirs}.weight")
        yield TensorSpec(f"{block}.{name}.weight", (rows, columns), _rotary(layout, weight, heads, columns))
        if name in layout.biased:
            yield TensorSpec(f"{block}.{name}.bias", (rows,), _rotary(layout, Take(f"{theirs}.bias"), heads))
    norms = {"attn_norm": layout.n_embd, "ffn_norm": layout.n_embd}
    if layout.head_norms:
        norms |= {"attn_q_norm": layout.head, "attn_k_norm": layout.head}
    for name, width in norms.items():
        yield TensorSpec(f"{block}.{name}.weight", (width,), Take(f"{prefix}.{layout.names.inner[name]}.weight"))


def _matrices(layout: Layout) -> dict[str, tuple[int, int, int]]:
    """Of a block: rows, columns, and the heads that are rotated (0: none)."""
    width, queries, keys = layout.n_embd, layout.n_head * layout.head, layout.n_head_kv * layout.head
    return {
        "attn_q": (queries, width, layout.n_head),
        "attn_k": (keys, width, layout.n_head_kv),
        "attn_v": (keys, width, 0),
        "attn_output": (width, queries, 0),
        "ffn_gate": (layout.n_ff, width, 0),
        "ffn_up": (layout.n_ff, width, 0),
        "ffn_down": (width, layout.n_ff, 0),
    }


def _rotary(layout: Layout, value: Value, heads: int, *columns: int) -> Value:
    """Rows whose rotated pairs stand half a head apart, with the pairs side by side."""
    if not heads or not layout.neighbours:
        return value
    view = (heads, 2, layout.head // 2, *columns)
    return Permute(value, view, (0, 2, 1, *range(3, len(view))))
