"""A model computed exactly, keys and values in F32: what the checks on a conversion compare with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from quoth.native import Abort, Chain, Context, LlamaModel, NativeError
from quoth.workers.messages import SLICE, OpenedModel


class ExactModel:
    """Weights, and a context of one sequence. Every method raises NativeError with llama.cpp's reason."""

    def __init__(self, path: Path, n_ctx: int, threads: int) -> None:
        self._model = LlamaModel(path)
        self._context = Context(self._model, n_ctx=n_ctx, n_batch=SLICE, threads=threads, abort=Abort(), exact=True)
        self._vocabulary = self._model.vocabulary

    @property
    def about(self) -> OpenedModel:
        return OpenedModel(self._vocabulary.n_tokens, self._model.n_ctx_train, self._vocabulary.bos)

    def tokenize(self, texts: Sequence[str], *, bos: bool, special: bool) -> list[list[int]]:
        return [self._vocabulary.tokenize(text, special=special, bos=bos) for text in texts]

    def pieces(self) -> list[bytes]:
        """The bytes of every token."""
        return [self._vocabulary.piece(token, special=True) for token in range(self._vocabulary.n_tokens)]

    def logits(self, ids: Sequence[int], position: int, begins: bool) -> bytes:
        """Rows of logits after each token, float32; a text that begins is read with nothing before it."""
        if begins:
            self._context.clear()
        self._read(ids, position, len(ids))
        return b"".join(bytes(self._context.logits(index)) for index in range(len(ids)))

    def greedy(self, prompt: Sequence[int], steps: int, suppressed: Sequence[int]) -> list[int]:
        """The likeliest continuation of a prompt, one token at a time."""
        chain = Chain(self._vocabulary)
        if suppressed:
            chain.add_logit_bias([(token, -math.inf) for token in suppressed])
        chain.add("greedy")
        found: list[int] = []
        self._context.clear()
        for start in range(0, len(prompt), SLICE):
            self._read(prompt[start : start + SLICE], start)
        for position in range(len(prompt), len(prompt) + steps):
            found.append(chain.sample(self._context))
            if len(found) < steps:
                self._read(found[-1:], position)
        chain.close()
        return found

    def _read(self, ids: Sequence[int], position: int, logits_of: int = 1) -> None:
        if code := self._context.decode(ids, position, logits_of):
            raise NativeError(f"llama.cpp could not compute tokens at position {position} (code {code})")
