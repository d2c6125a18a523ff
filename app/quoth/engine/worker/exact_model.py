"""A model computed exactly, keys and values in F32: what the checks on a conversion compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from quoth.native import Abort, Context, LlamaModel, NativeError
from quoth.workers.protocol import SLICE


class ExactModel:
    """Weights, and a context of one sequence. Every method raises NativeError with llama.cpp's reason."""

    def __init__(self, path: Path, n_ctx: int, threads: int) -> None:
        model = LlamaModel(path)
        self.n_ctx_train = model.n_ctx_train
        self._vocabulary = model.vocabulary
        self._context = Context(model, n_ctx=n_ctx, n_batch=SLICE, threads=threads, abort=Abort(), exact=True)

    def tokenize(self, texts: Sequence[str], *, bos: bool, special: bool) -> list[list[int]]:
        return [self._vocabulary.tokenize(text, special=special, bos=bos) for text in texts]

    def pieces(self) -> list[bytes]:
        """The bytes of every token."""
        return [self._vocabulary.piece(token, special=True) for token in range(self._vocabulary.n_tokens)]

    def logits(self, ids: Sequence[int], position: int, begins: bool) -> bytes:
        """Rows of logits after each token, float32; a text that begins is read with nothing before it."""
        if begins:
            self._context.clear()
        if code := self._context.decode(ids, position, len(ids)):
            raise NativeError(f"llama.cpp could not compute tokens at position {position} (code {code})")
        return b"".join(bytes(self._context.logits(index)) for index in range(len(ids)))
