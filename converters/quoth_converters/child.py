"""What the process for models does: it loads one, tokenizes, computes logits, compares two, and quantizes."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from quoth import native
from quoth_converters.formats.tensors import Floats
from quoth_converters.process import HEAD

SLICE: Final = 64  # tokens whose logits are asked for at once
Message = dict[str, Any]


def main() -> None:
    """Answer requests until stdin ends; then leave, whatever is being computed."""
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what C code prints goes elsewhere
        requests: queue.Queue[Message] = queue.Queue()
        threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
        work = Work(answers)
        while True:
            message = requests.get()
            try:
                value = getattr(work, f"do_{message.pop('do')}")(**message)
            except (native.NativeError, MemoryError) as error:
                work.send({"error": str(error) or "there is no memory for it"})
            else:
                work.send({"value": value})


def _read(stream: BinaryIO, requests: queue.Queue[Message]) -> None:
    for line in stream:
        requests.put(json.loads(line))
    os._exit(0)


class Loaded:
    """A model and a context of its own, in which a text is computed in slices."""

    def __init__(self, path: str, n_ctx: int, threads: int) -> None:
        self.model = native.LlamaModel(Path(path))
        self.n_vocab = self.model.vocabulary.n_tokens
        self.context = native.Context(
            self.model, n_ctx=n_ctx, n_batch=SLICE, threads=threads, abort=native.Abort(), exact=True
        )

    def logits(self, ids: list[int], start: int = 0, step: int = SLICE) -> Iterator[Floats]:
        """Logits after each token, in runs of `step`; the text begins at a position, with nothing before it."""
        self.context.clear()
        for at in range(0, len(ids), step):
            yield self.further(ids[at : at + step], start + at)

    def further(self, ids: list[int], position: int) -> Floats:
        """Logits after each of some more tokens."""
        if code := self.context.decode(ids, position, len(ids)):
            raise native.NativeError(f"llama.cpp could not compute tokens at position {position} (code {code})")
        rows = [np.frombuffer(self.context.logits(index), np.float32) for index in range(len(ids))]
        return np.stack(rows)

    def close(self) -> None:
        self.context.close()
        self.model.close()


class Work:
    """The requests by name; each gives a value of JSON, and may send bytes and progress before."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._loaded: Loaded | None = None

    def send(self, answer: Message, data: bytes | memoryview = b"") -> None:
        text = json.dumps(answer).encode()
        self._answers.write(HEAD.pack(len(text), len(data)) + text)
        self._answers.write(data)
        self._answers.flush()

    @property
    def loaded(self) -> Loaded:
        if self._loaded is None:
            raise native.NativeError("no model is loaded")
        return self._loaded

    def do_load(self, path: str, n_ctx: int, threads: int) -> Message:
        self._loaded = Loaded(path, n_ctx, threads)
        model = self._loaded.model
        return {"n_vocab": self._loaded.n_vocab, "n_ctx": model.n_ctx_train, "bos": model.vocabulary.bos}

    def do_tokenize(self, texts: list[str], bos: bool = False) -> list[list[int]]:
        tokenize = self.loaded.model.vocabulary.tokenize
        return [tokenize(text, special=True, bos=bos) for text in texts]

    def do_pieces(self) -> list[str]:
        """The bytes of every token, as the first 256 characters of Unicode."""
        vocabulary = self.loaded.model.vocabulary
        return [vocabulary.piece(token, special=True).decode("latin-1") for token in range(vocabulary.n_tokens)]

    def do_logits(self, ids: list[int], start: int = 0, step: int = SLICE) -> None:
        for run in self.loaded.logits(ids, start, step):
            self.send({}, run.tobytes())

    def do_greedy(self, prompt: list[int], steps: int, suppressed: list[int]) -> list[int]:
        """The likeliest continuation of a prompt, one token at a time."""
        found: list[int] = []
        runs = list(self.loaded.logits(prompt))
        row = runs[-1][-1]
        for position in range(len(prompt), len(prompt) + steps):
            row[suppressed] = -np.inf
            found.append(int(row.argmax()))
            if len(found) < steps:
                row = self.loaded.further(found[-1:], position)[-1]
        return found

    def do_diverge(self, base: str, other: str, text: str, n_ctx: int, threads: int, most: int) -> Message:
        from quoth_converters.checks.divergence import measured

        one, two = Loaded(base, n_ctx, threads), Loaded(other, n_ctx, threads)
        try:
            ids = one.model.vocabulary.tokenize(text, special=False, bos=False)[:most]
            return measured(one, two, ids, n_ctx, lambda done, total: self.send({"done": done, "of": total}))
        finally:
            one.close()
            two.close()

    def do_plan(self, source: str, quantization: str, overrides: list[tuple[str, str]]) -> Any:
        target = Path(source).with_suffix(".none")
        return native.quantize(Path(source), target, quantization, dry_run=True, overrides=overrides)

    def do_quantize(
        self, source: str, target: str, quantization: str, overrides: list[tuple[str, str]], threads: int
    ) -> Any:
        return native.quantize(
            Path(source),
            Path(target),
            quantization,
            threads=threads,
            overrides=overrides,
            progress=lambda done, total: self.send({"done": done, "of": total}),
        )
