"""Whether a model fits this machine: weights, KV cache and working memory against what is free."""

from __future__ import annotations

from typing import Final, NamedTuple

from quoth.engine.memory_needs import kv_bytes, working_bytes
from quoth.gguf import Header
from quoth.text.units import format_size

_STEP: Final = 256  # llama.cpp rounds a context up to a multiple of this
_USUAL_CONTEXT: Final = 4096  # tokens


class FreeMemory(NamedTuple):
    """Bytes; `gpu` is 0 without a GPU."""

    main: int
    gpu: int = 0


class Need(NamedTuple):
    """Bytes that a model takes with one context."""

    weights: int
    kv: int
    working: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.working


class Fit(NamedTuple):
    """Whether a model fits, and the sentence that says where: the GPU, so many of its layers, or main memory."""

    ok: bool
    sentence: str


def fit(header: Header, free: FreeMemory) -> Fit:
    """Whether a model fits with a context of the usual size."""
    need = estimate(header, min(_USUAL_CONTEXT, header.n_ctx_train or _USUAL_CONTEXT))
    return judge(need, free, header.n_layers)


def estimate(header: Header, n_ctx: int, *, batch: int = 512) -> Need:
    """Bytes for a context of `n_ctx` tokens read in slices of `batch`, by the formulas of `engine.memory_needs`.

    Layers without attention (n_head_kv 0, or between those of full_attention_interval) keep no keys.
    """
    n_ctx = -(-max(n_ctx, 1) // _STEP) * _STEP
    weights = max(header.weights, 0) + sum(part.stat().st_size for part in header.parts[1:] if part.is_file())
    kv = kv_bytes(n_ctx, _kv_heads(header), header.key_length, header.value_length)
    return Need(weights, kv, working_bytes(batch, n_ctx, header.n_embd, header.n_vocab, _widest(header)))


def judge(need: Need, free: FreeMemory, n_layers: int = 0) -> Fit:
    """Whether `need` fits the free memory of the machine and of its GPU."""
    sentence = f"needs {format_size(need.total)}, {format_size(free.main)} of "
    sentence += f"main memory and {format_size(free.gpu)} of GPU memory are free" if free.gpu else "memory are free"
    if free.gpu and need.total <= free.gpu:
        return Fit(True, f"{sentence}: it fits the GPU")
    if free.gpu > need.working and need.total <= free.main + free.gpu:
        share = max(0.0, (free.gpu - need.working) / max(1, need.weights + need.kv))
        layers = int(n_layers * share)
        if layers and need.total - free.gpu <= free.main:
            return Fit(True, f"{sentence}: {layers} of {n_layers} layers fit the GPU")
    if need.total <= free.main:
        return Fit(True, f"{sentence}: it fits")
    return Fit(False, f"{sentence}: it does not fit")


def _kv_heads(header: Header) -> tuple[int, ...]:
    interval = header.integer(header.own("full_attention_interval"), 1)
    if interval > 1:
        return tuple(heads for layer, heads in enumerate(header.n_head_kv, start=1) if layer % interval == 0)
    return header.n_head_kv


def _widest(header: Header) -> int:
    """The widest layer of the feed-forward networks, in values."""
    key = header.own("feed_forward_length")
    widths = header.array(key) if key in header.arrays else [header.integer(key, 4 * header.n_embd)]
    return max((width for width in widths if isinstance(width, int)), default=0)
