"""What a model needs: memory beside its weights, and the time in which a slow disk reads it."""

from __future__ import annotations

from collections.abc import Iterable

F16, F32 = 2, 4  # bytes
REST = 16 << 20  # bytes of the process beside what is counted
SLOWEST_DISK = 20e6  # bytes of a file that one native call reads in a second


def kv_bytes(n_ctx: int, kv_heads: Iterable[int], key_width: int, value_width: int) -> int:
    """Bytes of the KV state of `n_ctx` tokens at F16, as llama_kv_cache allocates it (llama-kv-cache.cpp).

    `kv_heads` are those of each layer that keeps keys, the widths those of one head. A sliding window is not
    subtracted: llama.cpp's default keeps the whole length there too.
    """
    return n_ctx * sum(kv_heads) * (key_width + value_width) * F16


def working_bytes(batch: int, n_ctx: int, n_embd: int, n_vocab: int, n_ff: int) -> int:
    """Bytes of the buffers in which `batch` tokens are computed at F32.

    Two rows of the residual stream and, whichever is more, the logits or the activations of a layer with the attention
    mask. llama.cpp reserves exactly the former for small models (98.25 MiB for SmolLM2-135M at 512 tokens).
    """
    layer = 4 * n_embd + 2 * n_ff + n_ctx // 2
    return batch * F32 * (2 * n_embd + max(n_vocab, layer)) + REST
