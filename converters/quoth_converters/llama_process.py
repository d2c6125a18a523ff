"""llama.cpp on the files of a conversion, in a worker: given what it did not expect, it ends the process it is in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from quoth.errors import EngineError
from quoth.workers import protocol
from quoth.workers.calls import Calls, Hung
from quoth.workers.spawn import FEW_SPINS
from quoth.workers.worker_exit import WorkerExit
from quoth.workers.worker_process import WorkerProcess
from quoth_converters.formats.tensors import Floats

_TIMEOUT: Final = 1200.0  # seconds without an answer

Progress = Callable[[int, int], None]  # tensors begun, and all
QuantizedTensors = Sequence[tuple[str, str, str]]  # name, ggml type before, ggml type after


class LlamaProcess:
    """A worker, as a context manager. Its first request says for which files.

    Every method raises QuothError with llama.cpp's reason, or with what it said last before it ended its process.
    """

    def __init__(self) -> None:
        self._log = tempfile.NamedTemporaryFile(prefix="quoth-")  # noqa: SIM115  # closed by __exit__
        self._file: Path | None = None
        self._calls = Calls(lambda call, message: self._worker.send(call, message))
        log = Path(self._log.name)
        self._worker = WorkerProcess(self._calls.deliver, self._ended, protocol.RECORDS, log=log, spins=FEW_SPINS)

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.end()
        self._log.close()

    def open(self, *paths: Path, n_ctx: int, threads: int) -> list[int]:
        """Load files to compute them exactly, in the order of `model` below. Returns the contexts of their training."""
        self._file = paths[0]
        return list(self._ask(protocol.OpenModels(paths, n_ctx, threads)))

    def tokenize(self, texts: Sequence[str], *, bos: bool = False, special: bool = True) -> list[list[int]]:
        """The ids of each text; special-token strings are tokens unless told otherwise."""
        return [list(ids) for ids in self._ask(protocol.TokenizeTexts(tuple(texts), bos, special))]

    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of every token."""
        return tuple(self._ask(protocol.Pieces()))

    def logits(
        self, ids: Sequence[int], start: int = 0, step: int = protocol.SLICE, model: int = 0
    ) -> Iterator[Floats]:
        """Logits after each token, in runs of `step`; the text begins at a position, with nothing before it."""
        for at in range(0, len(ids), step):
            yield self._logits(ids[at : at + step], start + at, at == 0, model)

    def _logits(self, ids: Sequence[int], position: int, begins: bool, model: int = 0) -> Floats:
        rows = self._ask(protocol.ComputeLogits(tuple(ids), position, begins, model))
        return np.frombuffer(rows, np.float32).reshape(len(ids), -1)

    def greedy(self, prompt: Sequence[int], steps: int, suppressed: Sequence[int]) -> list[int]:
        """The likeliest continuation of a prompt, one token at a time."""
        found: list[int] = []
        *_, last = self.logits(prompt)
        for position in range(len(prompt), len(prompt) + steps):
            row = last[-1].copy()
            row[suppressed] = -np.inf
            found.append(int(row.argmax()))
            if len(found) < steps:
                last = self._logits(found[-1:], position, False)
        return found

    def quantize(self, request: protocol.Quantize, progress: Progress = lambda done, total: None) -> QuantizedTensors:
        self._file = request.source
        return list(self._ask(request, progress))

    def _ask(self, request: Any, progress: Progress = lambda done, total: None) -> Any:
        try:
            for answer in self._calls.open(request, _TIMEOUT).wait():
                if isinstance(answer, protocol.Value):
                    return answer.value
                if isinstance(answer, protocol.Beat):
                    progress(int(answer.done), int(answer.total))
        except Hung as hung:
            raise EngineError("the engine hangs", str(hung)) from None

    def _ended(self, exit_: WorkerExit) -> None:
        self._calls.fail(lambda call: exit_.error(None, self._file))
