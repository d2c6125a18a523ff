"""The forward pass of a model in numpy, from the same expressions that the file is written from.

One layer's weights at a time. Sums of norms and softmax are in F64, the rest in F32.
Formulas: models/{gpt2,llama,qwen2,qwen3,gptneox,phi2,starcoder}.cpp of llama.cpp.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from quoth.errors import ModelError
from quoth_converters.checks.attention import Rope, attend
from quoth_converters.formats.source import Source
from quoth_converters.formats.tensors import Array, Floats
from quoth_converters.spec import ModelSpec, TensorSpec, evaluate

_KEPT: Final = 512 << 20  # bytes of weights that are computed, not views of the file, kept for the next text


@dataclass(frozen=True, slots=True)
class Kind:
    """How an architecture's block is put together: its norm, how it turns positions, its activation."""

    rms: bool = False
    rope: str = ""  # "", "norm" (neighbours are a pair) or "neox" (halves are)
    gated: bool = False  # SwiGLU, else GELU
    parallel: bool = False  # attention and feed-forward read the same input


KINDS: Final = {
    "gpt2": Kind(),
    "starcoder": Kind(),
    "llama": Kind(rms=True, rope="norm", gated=True),
    "qwen2": Kind(rms=True, rope="neox", gated=True),
    "qwen3": Kind(rms=True, rope="neox", gated=True),
    "gptneox": Kind(rope="neox", parallel=True),
    "phi2": Kind(rope="neox", parallel=True),
}


class NoReference(ModelError):
    """There is no formula here for such a model."""


class Reference:
    """A model as its specification says. Raises NoReference."""

    def __init__(self, spec: ModelSpec, source: Source) -> None:
        if spec.architecture not in KINDS:
            raise NoReference(f"there is no reference for {spec.architecture}", f"known are {', '.join(KINDS)}")
        self._kind = KINDS[spec.architecture]
        self._source = source
        self._tensors: dict[str, TensorSpec] = {tensor.name: tensor for tensor in spec.tensors}
        self._kept: dict[str, Floats] = {}
        self._room = _KEPT
        own = spec.hyperparameters
        self.n_ctx = int(own["context_length"])
        self._n_layer = int(own["block_count"])
        self._n_head = int(own["attention.head_count"])
        self._n_head_kv = int(own.get("attention.head_count_kv", self._n_head))
        self._head = int(own.get("attention.key_length", int(own["embedding_length"]) // self._n_head))
        self._epsilon = float(own.get("attention.layer_norm_epsilon", own.get("attention.layer_norm_rms_epsilon", 0)))
        self._parallel = bool(own.get("use_parallel_residual", self._kind.parallel))
        self._rope = self._turning(spec) if self._kind.rope else None
        self.suppressed = list(spec.vocabulary.suppressed)
        if own.get("expert_count"):
            raise NoReference("there is no reference for a mixture of experts")

    def _turning(self, spec: ModelSpec) -> Rope:
        own = spec.hyperparameters
        scaling = own.get("rope.scaling.type", "none")
        if scaling not in ("none", "linear"):
            raise NoReference(f"there is no reference for rope scaling {scaling}")
        factors = self._weight("rope_freqs.weight") if "rope_freqs.weight" in self._tensors else None
        return Rope(
            int(own.get("rope.dimension_count", self._head)),
            float(own.get("rope.freq_base", 10000.0)),
            float(own.get("rope.scaling.factor", 1.0)) if scaling == "linear" else 1.0,
            self._kind.rope == "neox",
            factors,
        )

    def hidden(self, sequences: Sequence[Sequence[int]], starts: Sequence[int]) -> Floats:
        """What the head reads, for the tokens of each sequence, one after the other: [all tokens, n_embd].

        `starts` are the positions of their first tokens; nothing stands before them.
        """
        ends = np.cumsum([len(tokens) for tokens in sequences])
        spans = [slice(int(end) - len(tokens), int(end)) for end, tokens in zip(ends, sequences, strict=True)]
        places = [np.arange(start, start + len(tokens)) for start, tokens in zip(starts, sequences, strict=True)]
        positions = np.concatenate(places)
        flat = np.concatenate([np.asarray(tokens, np.int64) for tokens in sequences])
        x = np.array(self._weight("token_embd.weight")[flat])
        if "position_embd.weight" in self._tensors:
            x += self._weight("position_embd.weight")[positions]
        for layer in range(self._n_layer):
            x = self._block(f"blk.{layer}", x, positions, spans)
        return self._norm("output_norm", x)

    def head(self, hidden: Floats) -> Floats:
        """Logits of some rows: [rows, vocabulary]."""
        name = "output" if "output.weight" in self._tensors else "token_embd"
        return self._linear(name, hidden)

    def _block(self, block: str, x: Floats, positions: Array, spans: list[slice]) -> Floats:
        normal = self._norm(f"{block}.attn_norm", x)
        attention = self._linear(f"{block}.attn_output", self._attention(block, normal, positions, spans))
        if not self._parallel:
            x = x + attention
            return x + self._feed_forward(block, self._norm(f"{block}.ffn_norm", x))
        inner = self._norm(f"{block}.ffn_norm", x) if f"{block}.ffn_norm.weight" in self._tensors else normal
        return x + attention + self._feed_forward(block, inner)

    def _attention(self, block: str, x: Floats, positions: Array, spans: list[slice]) -> Floats:
        q, k, v = self._queries_keys_values(block, x)
        if self._rope:
            q, k = self._rope.turned(q, positions), self._rope.turned(k, positions)
        out = np.empty((len(x), self._n_head * v.shape[2]), np.float32)
        for span in spans:
            out[span] = attend(q[span], k[span], v[span])
        return out

    def _queries_keys_values(self, block: str, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Each as [tokens, heads, head size]; fused in one matrix or from three."""
        wide, narrow = self._n_head * self._head, self._n_head_kv * self._head
        if f"{block}.attn_qkv.weight" in self._tensors:
            q, k, v = np.split(self._linear(f"{block}.attn_qkv", x), [wide, wide + narrow], axis=1)
        else:
            q, k, v = (self._linear(f"{block}.attn_{name}", x) for name in "qkv")
        q, k = q.reshape(len(x), self._n_head, -1), k.reshape(len(x), self._n_head_kv, -1)
        if f"{block}.attn_q_norm.weight" in self._tensors:
            q, k = self._norm(f"{block}.attn_q_norm", q), self._norm(f"{block}.attn_k_norm", k)
        return q, k, v.reshape(len(x), self._n_head_kv, -1)

    def _feed_forward(self, block: str, x: Floats) -> Floats:
        up = self._linear(f"{block}.ffn_up", x)
        if self._kind.gated:
            gate = self._linear(f"{block}.ffn_gate", x)
            return self._linear(f"{block}.ffn_down", gate / (1 + np.exp(-gate)) * up)
        return self._linear(f"{block}.ffn_down", gelu(up))

    def _linear(self, name: str, x: Floats) -> Floats:
        y: Floats = x @ self._weight(f"{name}.weight").T
        if f"{name}.bias" in self._tensors:
            y += self._weight(f"{name}.bias")
        return y

    def _norm(self, name: str, x: Floats) -> Floats:
        """LayerNorm or RMSNorm over the last axis."""
        if not self._kind.rms:
            x = x - x.mean(-1, keepdims=True, dtype=np.float64).astype(np.float32)
        squares = np.square(x).mean(-1, keepdims=True, dtype=np.float64)
        y: Floats = x * (1 / np.sqrt(squares + self._epsilon)).astype(np.float32) * self._weight(f"{name}.weight")
        if f"{name}.bias" in self._tensors:
            y += self._weight(f"{name}.bias")
        return y

    def _weight(self, name: str) -> Floats:
        """A tensor's values: computed each time, or kept if it is for every layer."""
        if name in self._kept:
            return self._kept[name]
        values = evaluate(self._tensors[name].value, self._source.tensors)
        if not values.flags.aligned:  # numpy would copy it for each product
            values = values.copy()
        size = 0 if _is_view_of_file(values) else values.nbytes
        if not name.startswith("blk.") and size <= self._room:
            self._room -= size
            self._kept[name] = values
        return values


def gelu(x: Floats) -> Floats:
    """The tanh form, as llama.cpp computes it; the exact form differs by less than the runtime's table."""
    inner = np.float32(0.7978845608028654) * (x + np.float32(0.044715) * x * x * x)
    y: Floats = np.float32(0.5) * x * (1 + np.tanh(inner))
    return y


def _is_view_of_file(array: Array) -> bool:
    base: Any = array
    while getattr(base, "base", None) is not None:
        base = base.base
    return isinstance(base, mmap.mmap)
