"""A model's weights, and the context that tokens are computed in."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quoth.native.llama_library import Handle, L, NativeError, last_reason, log_lines, silent, start_backends
from quoth.native.vocabulary import Vocabulary


class Abort:
    """A flag that stops a running computation without taking Python's lock.

    llama.cpp asks its abort callback once per graph node. Given libc's `strlen` over a two-byte buffer it asks C
    alone: an empty string is false, and `set` makes the string one byte long.
    """

    def __init__(self) -> None:
        libc = ctypes.CDLL("msvcrt" if sys.platform == "win32" else None)
        self._buffer = ctypes.create_string_buffer(2)
        self.callback = ctypes.cast(libc.strlen, L.ggml_abort_callback)
        self.data = ctypes.cast(self._buffer, ctypes.c_void_p)

    def set(self) -> None:
        self._buffer[0] = b"\x01"

    def clear(self) -> None:
        self._buffer[0] = b"\x00"


class _Number:
    """A number of a model, by the C function that gives it."""

    def __init__(self, function: Callable[[int], int]) -> None:
        self._function = function

    def __get__(self, model: LlamaModel, owner: type[LlamaModel]) -> int:
        return int(self._function(model.pointer))


class LlamaModel:
    """Weights and vocabulary of one GGUF file."""

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int = 0,
        extra_buffers: bool = False,
        vocab_only: bool = False,
        progress: Callable[[float], bool] | None = None,
    ) -> None:
        """Load a file; `progress` gets 0.0 to 1.0 and loading goes on while it returns true. Raises NativeError.

        Without GPU layers no GPU is touched at all: by default llama.cpp has one compute large batches all the same.
        `extra_buffers`: weights may be laid out again for this processor (ggml's extra buffer types: repacking, AMX).
        """
        start_backends()
        params = L.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        params.use_extra_bufts = extra_buffers
        params.vocab_only = vocab_only
        if not gpu_layers:
            self._no_devices = (ctypes.c_void_p * 1)(None)
            params.devices = ctypes.cast(self._no_devices, ctypes.c_void_p)
        if progress is not None:
            self._progress = L.llama_progress_callback(lambda done, _: progress(done))
            params.progress_callback = self._progress
        name = os.fsencode(path)
        with silent():
            pointer = L.llama_model_load_from_file(name, params)
        if not pointer:  # again, to hear why
            log_lines.clear()
            pointer = L.llama_model_load_from_file(name, params)
        if not pointer:
            raise NativeError(last_reason("llama.cpp did not say why"))
        self.handle = Handle("model", pointer, L.llama_model_free)
        self.vocabulary = Vocabulary(self.handle, path)

    @property
    def pointer(self) -> int:
        return self.handle.pointer

    def meta(self, key: str) -> str | None:
        """A scalar of the file's metadata, as text; None where it has none."""
        length = L.llama_model_meta_val_str(self.pointer, key.encode(), None, 0)
        if length < 0:
            return None
        buffer = ctypes.create_string_buffer(length + 1)
        L.llama_model_meta_val_str(self.pointer, key.encode(), buffer, length + 1)
        return buffer.raw[:length].decode("utf-8", "replace")

    def chat_template(self) -> str | None:
        """The default chat template of the file."""
        raw = L.llama_model_chat_template(self.pointer, None)
        return raw.decode("utf-8", "replace") if raw else None

    @property
    def quantization(self) -> str:
        raw = L.llama_ftype_name(L.llama_model_ftype(self.pointer))
        return raw.decode("utf-8", "replace") if raw else "unknown"

    n_ctx_train = _Number(L.llama_model_n_ctx_train)
    n_params = _Number(L.llama_model_n_params)
    n_layer = _Number(L.llama_model_n_layer)
    n_embd = _Number(L.llama_model_n_embd)
    n_head = _Number(L.llama_model_n_head)
    n_head_kv = _Number(L.llama_model_n_head_kv)
    size = _Number(L.llama_model_size)  # bytes of all tensors
    has_encoder = _Number(L.llama_model_has_encoder)

    def close(self) -> None:
        """Free the weights, and before them every context and sampler chain that was made of them."""
        self.handle.close()


MOST_SCORES = 128 * 1024 * 1024  # bytes of attention scores computed at a time


class Context:
    """The KV state of one sequence, and the calls that read tokens into it."""

    def __init__(
        self,
        model: LlamaModel,
        *,
        n_ctx: int,
        n_batch: int,
        threads: int,
        abort: Abort,
        on_gpu: bool = False,
        exact: bool = False,
    ) -> None:
        """`n_ctx` and `n_batch` in tokens; `exact` keeps keys and values in F32. Raises NativeError without memory.

        Flash attention is for GPUs: on two CPU cores a 1.7B model wrote 9.3 tokens/s without and 5.5 with it after
        1,500 tokens, a 135M model 42 and 28 after 3,000. Without it all scores of a batch exist at once, 4 bytes x
        heads x cells for each token: in a very long context fewer tokens are computed at a time.
        """
        params = L.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = n_batch
        if not on_gpu:
            params.flash_attn_type = L.LLAMA_FLASH_ATTN_TYPE_DISABLED
            scores = 4 * max(1, model.n_head) * max(1, n_ctx)
            params.n_ubatch = max(1, min(n_batch, MOST_SCORES // scores))
        if exact:
            params.type_k = params.type_v = L.GGML_TYPE_F32
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        params.abort_callback = abort.callback
        params.abort_callback_data = abort.data
        log_lines.clear()
        pointer = L.llama_init_from_model(model.pointer, params)
        if not pointer:
            raise NativeError(last_reason("no memory for the context"))
        self._batch = L.llama_batch_init(n_batch, 0, 1)
        self._handle = Handle("context", pointer, self._free, model.handle)
        self._abort = abort  # llama.cpp holds its buffer
        self._n_vocab = model.vocabulary.n_tokens
        self.n_ctx: int = L.llama_n_ctx(pointer)

    def _free(self, pointer: int) -> None:
        L.llama_batch_free(self._batch)
        L.llama_free(pointer)

    @property
    def pointer(self) -> int:
        return self._handle.pointer

    def decode(self, tokens: Sequence[int], position: int, logits_of: int = 1) -> int:
        """Compute tokens at a position, with logits of so many at the end.

        0 done, 1 no room, 2 aborted, below 0 failed.
        """
        context, batch = self.pointer, self._batch
        batch.n_tokens = len(tokens)
        token, pos, seq, logits = batch.token, batch.pos, batch.seq_id, batch.logits
        n_seq = batch.n_seq_id
        for i, value in enumerate(tokens):
            token[i] = value
            pos[i] = position + i
            n_seq[i] = 1
            seq[i][0] = 0
            logits[i] = i >= len(tokens) - logits_of
        return int(L.llama_decode(context, batch))

    def set_threads(self, threads: int) -> None:
        """How many threads compute from now on."""
        L.llama_set_n_threads(self.pointer, threads, threads)

    def keep(self, n: int) -> bool:
        """Drop everything from position n on. False: this model can only start again."""
        memory = L.llama_get_memory(self.pointer)
        return bool(memory and L.llama_memory_seq_rm(memory, 0, n, -1))

    def clear(self) -> None:
        if memory := L.llama_get_memory(self.pointer):
            L.llama_memory_clear(memory, True)

    def copy_state_to(self, other: Context) -> bool:
        """Carry the sequence over into another, larger context."""
        size = L.llama_state_seq_get_size(self.pointer, 0)
        buffer = (ctypes.c_uint8 * size)()
        written = L.llama_state_seq_get_data(self.pointer, buffer, size, 0)
        return bool(written and L.llama_state_seq_set_data(other.pointer, buffer, written, 0))

    def logits(self, index: int = -1) -> Any:
        """Logits of the last token, or of another for which the last decode was asked: a ctypes array of floats.

        A copy, one float a token of the vocabulary; llama.cpp overwrites its own.
        """
        pointer = L.llama_get_logits_ith(self.pointer, index)
        if not pointer:
            raise NativeError(last_reason(f"there are no logits of token {index}"))
        copy = (ctypes.c_float * self._n_vocab)()
        ctypes.memmove(copy, pointer, ctypes.sizeof(copy))
        return copy

    def close(self) -> None:
        self._handle.close()
