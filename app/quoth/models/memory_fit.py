"""Whether a model fits this machine: weights, KV cache and working memory against what is free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from quoth.engine.needs import kv_bytes, working_bytes
from quoth.gguf import Header

_STEP: Final = 256  # llama.cpp rounds a context up to a multiple of this


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a model takes with one context."""

    weights: int
    kv: int
    working: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.working


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict: where the weights would go, how many layers of them on the GPU, and the sentence that says so."""

    ok: bool
    where: Literal["gpu", "both", "main", "nowhere"]
    gpu_layers: int
    sentence: str


def estimate(header: Header, n_ctx: int, *, batch: int = 512) -> Need:
    """Bytes for a context of `n_ctx` tokens read in slices of `batch`, by the formulas of `engine.needs`.

    Layers without attention (n_head_kv 0, or between those of full_attention_interval) keep no keys.
    """
    n_ctx = -(-max(n_ctx, 1) // _STEP) * _STEP
    weights = max(header.weights, 0) + sum(_size_of_others(header))
    kv = kv_bytes(n_ctx, _kv_heads(header), header.key_length, header.value_length)
    return Need(weights, kv, working_bytes(batch, n_ctx, header.n_embd, header.n_vocab, _widest(header)))


def judge(need: Need, *, free_main: int, free_gpu: int = 0, n_layers: int = 0) -> Fit:
    """Whether `need` fits the free bytes of main and of GPU memory (0: no GPU)."""
    size, main, gpu = _shown(need.total), _shown(free_main), _shown(free_gpu)
    free = f"{main} of main memory and {gpu} of GPU memory are free" if free_gpu else f"{main} of memory are free"
    if free_gpu and need.total <= free_gpu:
        return Fit(True, "gpu", n_layers, f"needs {size}, {free}: it fits the GPU")
    if free_gpu > need.working and need.total <= free_main + free_gpu and n_layers:
        share = max(0.0, (free_gpu - need.working) / max(1, need.weights + need.kv))
        layers = int(n_layers * share)
        if layers and need.total - free_gpu <= free_main:
            return Fit(True, "both", layers, f"needs {size}, {free}: {layers} of {n_layers} layers fit the GPU")
    if need.total <= free_main:
        return Fit(True, "main", 0, f"needs {size}, {free}: it fits")
    return Fit(False, "nowhere", 0, f"needs {size}, {free}: it does not fit")


def largest_context(header: Header, free: int, *, batch: int = 512) -> int:
    """The most tokens of context that fit `free` bytes, at most what it was trained for; 0 if not even 256 do."""
    fitting, too_many = 0, -(-max(1, header.n_ctx_train) // _STEP) + 1  # in steps
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        if estimate(header, middle * _STEP, batch=batch).total <= free:
            fitting = middle
        else:
            too_many = middle
    return min(fitting * _STEP, header.n_ctx_train)


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


def _size_of_others(header: Header) -> list[int]:
    sizes = []
    for part in header.parts[1:]:
        try:
            sizes.append(part.stat().st_size)
        except OSError:
            sizes.append(0)
    return sizes


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 95e7 else f"{size / 1e6:.0f} MB"
