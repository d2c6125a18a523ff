"""The KV cache of one sequence: prompts are read in slices, what was read is reused, and it grows on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from quoth.engine.memory_needs import kv_bytes, working_bytes
from quoth.engine.worker.threads import Threads
from quoth.engine.worker.weights import check_memory
from quoth.errors import EngineError
from quoth.native import Abort, Context, LlamaModel, NativeError
from quoth.platform import memory

BLOCK = 256  # llama.cpp rounds a context up to this many tokens


class Cancelled(Exception):
    """A stop was asked for while tokens were being computed."""


class Slices(NamedTuple):
    """Where a prompt is cut: each slice is as long as all before it together, from `least` to `most` tokens.

    Short prompts are read in small slices, so that a similar one reads little again; long ones in large, fast ones.
    """

    least: int
    most: int

    def start(self, position: int) -> int:
        """The last border at or before a position."""
        return position - position % self._step(position)

    def end(self, position: int) -> int:
        """The first border after a position."""
        return self.start(position) + self._step(position)

    def _step(self, position: int) -> int:
        return max(self.least, min(self.most, 1 << max(0, position.bit_length() - 1)))


def slices(n_params: int, threads: int, on_gpu: bool) -> Slices:
    """Powers of two from 64 to 512: the least takes at most 200 ms where that is possible, the most a second.

    From the cost of a token, two operations a parameter, and 5e10 operations a second and core: what a current core
    does on quantized weights (135M parameters, two cores: 64 tokens in 0.18 s; a prompt of 768 in 0.89 of the time
    with slices of up to 256, measured). Smaller slices read large models slowly: 1.5B parameters (Q4_K_M, two cores,
    800 tokens) 72 tokens/s with slices of 16, 88 with up to 64, 98 with up to 128, 101 with 512. A stop need not wait
    for the end of a slice. It is computed and not measured, so that the borders of slices, and with them the last bits
    of every logit, are the same in every run.
    """
    if on_gpu:
        return Slices(512, 512)
    rate = threads * 5e10 / (2 * max(n_params, 1))
    least, most = (1 << max(0, int(seconds * rate).bit_length() - 1) for seconds in (0.2, 1.0))
    return Slices(min(512, max(64, least)), min(512, max(128, most)))


class KVCache:
    """The tokens of one sequence and their KV state.

    Prompts are read in slices that end at fixed borders. Where a new prompt differs from the old one, reading starts at
    the slice border before: so a prompt gives the same logits after anything that was read, or stopped, before. Only
    what was written token by token and is now part of a longer prompt stays as it is; where logits of more than the
    last token are asked for, that is read again too.
    """

    def __init__(
        self,
        model: LlamaModel,
        limit: int,
        threads: Threads,
        on_gpu: bool,
        abort: Abort,
        free_memory: Callable[[], int] = memory.free_memory,
        mapped: int = 0,
    ) -> None:
        """`limit` is the most tokens of a context; `mapped` bytes of weights are in the file, and read as needed."""
        self._model = model
        self._mapped = mapped
        self._free_memory = free_memory
        self._threads = threads
        self._abort = abort
        self._on_gpu = on_gpu
        self._slices = slices(model.n_params, threads.most, on_gpu)
        self._context: Context | None = None
        self._tokens: list[int] = []
        self._read_to = 0  # the last slice ended here
        self._sliced_to = 0  # all positions before this one were computed in slices
        self.limit = limit

    @property
    def context(self) -> Context:
        if self._context is None:
            raise EngineError("there is no context yet", "nothing was read")
        return self._context

    @property
    def length(self) -> int:
        """Tokens in the context."""
        return len(self._tokens)

    def kv_bytes(self, n_ctx: int) -> int:
        """Bytes of the KV state of so many tokens."""
        model, share = self._model, self._model.n_embd // max(1, self._model.n_head)
        key, value = (self._stated(f"attention.{name}_length", share) for name in ("key", "value"))
        return kv_bytes(n_ctx, [model.n_head_kv] * model.n_layer, key, value)

    def _stated(self, name: str, default: int) -> int:
        """A number of this architecture in the file's metadata."""
        text = self._model.meta(f"{self._model.meta('general.architecture')}.{name}") or ""
        return int(text) if text.isdecimal() else default

    def require_room(self, n_ctx: int) -> None:
        """Raise EngineError with the numbers where a context of so many tokens does not fit into memory.

        Counted are the context, the buffers, and mapped weights, whose pages count as free but are needed for every
        token: what is refused here is not killed later.
        """
        model, free = self._model, self._free_memory()
        batch, n_ff = min(self._slices.most, n_ctx), self._stated("feed_forward_length", 4 * model.n_embd)
        working = working_bytes(batch, n_ctx, model.n_embd, model.vocabulary.n_tokens, n_ff)
        need = self.kv_bytes(n_ctx) + working + self._mapped
        what = f"the model with a context of {n_ctx:,} tokens"
        check_memory(what, need, free, "Pass a smaller --ctx, or choose a smaller model")

    def rewind(self, tokens: Sequence[int], room: int, logits_from: int | None = None) -> int:
        """Keep what a new prompt shares with the old one, and make room for it; returns the number of tokens kept.

        `logits_from` is the first position whose logits `read` is to ask for; None: only the last.
        """
        keep = 0
        most = min(len(tokens) - 1, self.length) if logits_from is None else min(logits_from, self._sliced_to)
        while keep < most and self._tokens[keep] == tokens[keep]:
            keep += 1
        if keep <= self._read_to:
            keep = self._slices.start(keep)
        self._cut(keep)
        self._reserve(len(tokens) + room)
        return self.length

    def _cut(self, n: int) -> None:
        if n == len(self._tokens):
            return
        if self._context is not None and (n == 0 or not self._context.keep(n)):
            self._context.clear()
            n = 0
        del self._tokens[n:]
        self._read_to = min(self._read_to, n)
        self._sliced_to = min(self._sliced_to, n)

    def _reserve(self, n: int) -> None:
        """Have a context of at least n tokens, or of the limit. Raises EngineError with the numbers."""
        n = min(-(-n // BLOCK) * BLOCK, self.limit)
        old = self._context
        if old is not None and old.n_ctx >= n:
            return
        self.require_room(n)
        try:
            new = Context(
                self._model,
                n_ctx=n,
                n_batch=self._slices.most,
                threads=self._threads.now,
                abort=self._abort,
                on_gpu=self._on_gpu,
            )
        except NativeError as error:
            raise EngineError(f"no context of {n:,} tokens", str(error), "Pass a smaller --ctx") from None
        if old is not None and self._tokens and not old.copy_state_to(new):
            self._forget()
        if old is not None:
            old.close()
        self._context = new

    def read(self, tokens: Sequence[int], stop: Callable[[], bool], logits_from: int | None = None) -> Iterator[int]:
        """Read the rest of a prompt; yields the position after each slice. Raises Cancelled.

        Each slice leaves the logits of its last token, and of all from `logits_from` on.
        """
        while (start := self.length) < len(tokens):
            if stop():
                raise Cancelled
            end = min(self._slices.end(start), len(tokens))
            asked = 1 if logits_from is None else max(1, end - max(start, logits_from))
            self._compute(tokens[start:end], asked)
            self._read_to = end
            if self._sliced_to == start:
                self._sliced_to = end
            yield end

    def append(self, token: int) -> bool:
        """Read one token that was written. False: the context is full to its limit. Raises Cancelled."""
        if self.length >= self.limit:
            return False
        if self.length >= self.context.n_ctx:
            tokens = [*self._tokens]
            self._reserve(2 * self.length)
            for _ in self.read(tokens, lambda: False):  # nothing, unless the state could not be carried over
                pass
        self._compute([token])
        return True

    def _compute(self, tokens: Sequence[int], logits_of: int = 1) -> None:
        position = self.length
        began = self._threads.begin()
        self.context.set_threads(self._threads.now)
        result = self.context.decode(tokens, position, logits_of)
        if result == 0:
            self._threads.done(len(tokens), began)
            self._tokens.extend(tokens)
            return
        if not self.context.keep(position):
            self.context.clear()
            self._forget()
        if result == 2:
            raise Cancelled
        raise EngineError(
            "the engine could not compute the next tokens", f"llama_decode returned {result}", "Pass a smaller --ctx"
        )

    def _forget(self) -> None:
        self._tokens.clear()
        self._read_to = self._sliced_to = 0

    def close(self) -> None:
        if self._context is not None:
            self._context.close()
            self._context = None
