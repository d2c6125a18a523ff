"""GPT-J as transformers saves it, for llama.cpp's phi2: one norm a block, attention and MLP beside each other.

GPT-J rotates neighbours and phi2 halves, so the rows of queries and keys are moved; biases it lacks are zeros.
Settings: transformers' GPTJConfig; tensors and keys: models/phi2.cpp of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import Family, Options, embedding, integer, padding_note, real
from quoth_converters.families.gpt2 import GELU
from quoth_converters.families.gpt2_blocks import MASKS, MAX_CONTEXT, MAX_LAYERS, MAX_ROWS, MAX_WIDTH
from quoth_converters.families.llama_blocks import is_tied
from quoth_converters.formats.source import Source
from quoth_converters.spec import Again, Fill, Fuse, ModelSpec, Permute, Rows, Take, TensorSpec, Value
from quoth_converters.vocab import Vocabulary
from quoth_converters.vocab.finding import find_vocabulary

_HEAD: Final = "lm_head.weight"
_HEAD_BIAS: Final = "lm_head.bias"


@dataclass(frozen=True, slots=True)
class _Sizes:
    n_layer: int
    n_head: int
    n_embd: int
    n_inner: int
    rotated: int  # dimensions of a head
    prefix: str

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise ModelError(f"n_embd {self.n_embd} is no multiple of n_head {self.n_head}")
        if self.rotated % 2 or self.rotated > self.head:
            raise ModelError(f"the settings say rotary_dim is {self.rotated}", f"it must be even, up to {self.head}")

    @property
    def head(self) -> int:
        return self.n_embd // self.n_head


def match(source: Source) -> bool:
    return source.config.get("model_type") == "gptj"


def describe(source: Source, options: Options) -> ModelSpec:
    config, sizes = source.config, _sizes(source)
    if config.get("activation_function", "gelu_new") not in GELU:
        why = "llama.cpp has GELU alone between the layers of a phi2"
        raise ModelError(f"this GPT-J uses {escaped(config['activation_function'])}", why)
    n_ctx = integer(config, "n_positions", "max_position_embeddings", most=MAX_CONTEXT)
    rows, width = integer(config, "vocab_size", most=MAX_ROWS), sizes.n_embd
    vocabulary = find_vocabulary(source.files, config, options.tokenizer)
    name = f"{sizes.prefix}wte.weight"
    tokens = embedding(name, rows, width, vocabulary)
    tied = _HEAD not in source.tensors and is_tied(source, _HEAD, name)
    head = Again(tokens) if tied else embedding(_HEAD, rows, width, vocabulary)
    table = (len(vocabulary), width)
    return ModelSpec(
        architecture="phi2",
        family="GPT-J",
        hyperparameters={
            "context_length": n_ctx,
            "embedding_length": width,
            "block_count": sizes.n_layer,
            "feed_forward_length": sizes.n_inner,
            "attention.head_count": sizes.n_head,
            "attention.layer_norm_epsilon": real(config, "layer_norm_epsilon", 1e-5),
            "rope.dimension_count": sizes.rotated,
            "rope.freq_base": 10000.0,  # GPT-J has no setting for it
        },
        tensors=(
            TensorSpec("token_embd.weight", table, tokens),
            *(tensor for layer in range(sizes.n_layer) for tensor in _block(sizes, layer)),
            *_pair("output_norm", f"{sizes.prefix}ln_f", width),
            TensorSpec("output.weight", table, head),
            TensorSpec("output.bias", table[:1], _head_bias(vocabulary)),
        ),
        vocabulary=vocabulary,
        dropped={name: "a causal mask" for name in source.tensors if MASKS.fullmatch(name)},
        notes=padding_note(rows, vocabulary),
    )


def _sizes(source: Source) -> _Sizes:
    config = {name: value for name, value in source.config.items() if value is not None}
    n_embd = integer(config, "n_embd", "hidden_size", most=MAX_WIDTH)
    n_head = integer(config, "n_head", "num_attention_heads", most=1024)
    return _Sizes(
        n_layer=integer(config, "n_layer", "num_hidden_layers", most=MAX_LAYERS),
        n_head=n_head,
        n_embd=n_embd,
        n_inner=integer({"n_inner": 4 * n_embd, **config}, "n_inner", most=MAX_WIDTH),
        rotated=integer({"rotary_dim": 64, **source.config}, "rotary_dim", most=MAX_WIDTH),
        prefix="transformer." if "transformer.wte.weight" in source.tensors else "",
    )


def _block(sizes: _Sizes, layer: int) -> Iterator[TensorSpec]:
    block, prefix, width = f"blk.{layer}", f"{sizes.prefix}h.{layer}", sizes.n_embd
    yield from _pair(f"{block}.attn_norm", f"{prefix}.ln_1", width)
    for ours, theirs in (("attn_q", "q_proj"), ("attn_k", "k_proj"), ("attn_v", "v_proj"), ("attn_output", "out_proj")):
        weight: Value = Take(f"{prefix}.attn.{theirs}.weight")
        weight = _halves(weight, sizes) if ours in ("attn_q", "attn_k") else weight
        yield TensorSpec(f"{block}.{ours}.weight", (width, width), weight)
    yield TensorSpec(f"{block}.attn_output.bias", (width,), Fill((width,)))
    yield from _pair(f"{block}.ffn_up", f"{prefix}.mlp.fc_in", sizes.n_inner, width)
    yield from _pair(f"{block}.ffn_down", f"{prefix}.mlp.fc_out", width, sizes.n_inner)


def _pair(ours: str, theirs: str, *shape: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{ours}.weight", shape, Take(f"{theirs}.weight"))
    yield TensorSpec(f"{ours}.bias", shape[:1], Take(f"{theirs}.bias"))


def _halves(value: Value, sizes: _Sizes) -> Value:
    """Rows whose rotated pairs stand side by side, with the pairs half of the rotated part apart.

    What is not rotated may lie in any order, if it is the same for queries and keys: where the rotated part divides the
    head, all parts of its size are moved alike, in one step.
    """
    rotated, head, width = sizes.rotated, sizes.head, sizes.n_embd
    if head % rotated == 0:
        return Permute(value, (width // rotated, rotated // 2, 2, width), (0, 2, 1, 3))
    parts: list[Value] = []
    for start in range(0, width, head):
        pairs = Rows(value, start, start + rotated)
        parts += [Permute(pairs, (rotated // 2, 2, width), (1, 0, 2)), Rows(value, start + rotated, start + head)]
    return Fuse(tuple(parts))


def _head_bias(vocabulary: Vocabulary) -> Value:
    own = len(vocabulary) - vocabulary.appended
    value: Value = Rows(Take(_HEAD_BIAS), 0, own)
    return Fuse((value, Fill((vocabulary.appended,)))) if vocabulary.appended else value


GPTJ: Final = Family("GPT-J", "phi2", "exact", match, describe)
