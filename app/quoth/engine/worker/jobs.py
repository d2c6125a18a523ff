"""What each request has the worker do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from quoth import native
from quoth.engine import messages
from quoth.engine.ladder import Fingerprint, Known, Rung, choose, usable
from quoth.engine.memory_needs import SLOWEST_DISK
from quoth.engine.worker.exact_model import ExactModel
from quoth.engine.worker.fingerprint import fingerprint, fingerprint_of_file, processor_features
from quoth.engine.worker.llama_engine import LlamaEngine
from quoth.engine.worker.sandbox import Landlock, confine, parts_of
from quoth.engine.worker.token_writer import join_pieces
from quoth.engine.worker.weights import NoRoom
from quoth.errors import ModelError, QuothError
from quoth.platform import process_limits
from quoth.workers import protocol

LARGEST_FILE = 16 * 1024 * 1024  # bytes; a worker that holds a model writes nothing but its log
BEAT_SECONDS = 0.25


class Preload(NamedTuple):
    """Import what renders prompts ahead of need."""


class Jobs:
    """The model of a worker, and the jobs by the request for them."""

    def __init__(self, send: Callable[[int, Any], None]) -> None:
        """`send` takes the number of a call and an answer that is not its last."""
        self._send = send
        self._model: LlamaEngine | None = None
        self._opened: tuple[ExactModel, ...] = ()
        self._sandbox = ""
        self._stopped: set[int] = set()
        self._running = 0  # the call that the model computes
        self._running_lock = threading.Lock()  # that call does not end while it is stopped

    def run(self, call: int, request: Any) -> Any:
        """Do what a request asks; returns the value of the call. Raises QuothError, and Unproved."""
        try:
            return _JOBS[type(request)](self, call, request)
        except native.NativeError as error:
            raise ModelError("llama.cpp refuses the model", str(error)) from None

    def confine_for(self, request: Any) -> None:
        """Give up access to all but the files of the first request: a worker serves no others.

        Where no way on the GPU is left to try, no driver is started: that may be what crashes.
        """
        files, gpu = Landlock(), False
        match request:
            case messages.Load():
                _, known, rungs = _rungs(request)
                files = Landlock(reads=tuple(parts_of(request.path)))
                failed = request.failed
                gpu = any(r.gpu_share for r in rungs if r.name not in failed and not known.has_failed(r.name))
            case protocol.OpenModels():
                files = Landlock(reads=request.paths)
            case protocol.Quantize():
                files = Landlock(reads=tuple(parts_of(request.source)), writes=(request.target.parent,))
            case messages.Describe():
                gpu = native.is_for_gpus() and not request.without_gpu
        if gpu:
            self._sandbox = "off (a GPU driver needs what it forbids)"
        else:
            native.hide_gpus()
            self._sandbox = confine(files)

    # Loading

    def _preload(self, call: int, request: Preload) -> None:
        from quoth.engine.worker.prompts import template  # 114 ms, with jinja2

        template.preload()

    def _load(self, call: int, request: messages.Load) -> messages.LoadedModel | None:
        """Load on the highest rung that may work, and prove it unless it is known to work."""
        if self._model is not None:
            self._model.close()
            self._model = None
        process_limits.limit_files(LARGEST_FILE)
        about, known, rungs = _rungs(request)
        failed, gpus = [*request.failed], tuple(rung.name for rung in rungs if rung.gpu_share)
        while (rung := choose(rungs, known, failed)) is not None:
            if rung.gpu_share:
                self._send(call, messages.Trying(gpus, about))
                self._send(call, messages.NextStep("driver"))
                native.can_use_gpu()  # its driver starts, or crashes, or hangs
            self._send(call, messages.Trying((rung.name,), about))
            self._send(call, messages.NextStep("load"))
            try:
                return self._load_on(rung, call, request, proved=rung.name in known.findings)
            except NoRoom:
                failed.append(rung.name)
        return None

    def _load_on(self, rung: Rung, call: int, request: messages.Load, *, proved: bool) -> messages.LoadedModel:
        beat = self._beats(call)

        def progress(done: float) -> bool:
            beat(done)
            return call not in self._stopped

        def allow(seconds: float, step: str = "proof") -> None:
            self._send(call, messages.NextStep(step, seconds))

        began = time.monotonic()
        model = self._model = LlamaEngine(request.path, request.options, progress, rung=rung)
        loaded = time.monotonic() - began
        if proved:
            return messages.LoadedModel(model.info, None)
        allow(model.info.size / SLOWEST_DISK, "kernels" if model.info.on_gpu else "proof")
        return messages.LoadedModel(model.info, model.prove(allow)._replace(load=loaded))

    @property
    def _loaded(self) -> LlamaEngine:
        if self._model is None:
            raise QuothError("no model is loaded", "a bug")
        return self._model

    # Computing, and stopping

    def _generate(self, call: int, request: messages.Generate) -> None:
        with self._computing(call) as stop:
            for event in join_pieces(self._loaded.generate(request.requests, stop=stop), time.monotonic):
                self._send(call, messages.Emitted(event))

    def _score(self, call: int, request: messages.Score) -> None:
        with self._computing(call) as stop:
            for event in self._loaded.score(request.scorings, stop=stop):
                self._send(call, messages.Emitted(event))

    @contextmanager
    def _computing(self, call: int) -> Iterator[Callable[[], bool]]:
        """Yields the function that says whether the call was stopped; while it is asked, the parent gets beats."""
        beat = self._beats(call)

        def stop() -> bool:
            beat(0.0)
            return call in self._stopped

        with self._running_lock:
            self._running = call
        try:
            yield stop
        finally:
            with self._running_lock:
                self._running = 0
            self._stopped.discard(call)

    def stop(self, call: int) -> None:
        """Stop a call, in the middle of a computation too; a stop that comes too late must not stop the next call."""
        self._stopped.add(call)
        with self._running_lock:
            if call == self._running and self._model is not None:
                self._model.abort.set()

    def _beats(self, call: int) -> Callable[[float], None]:
        last = time.monotonic()

        def beat(done: float) -> None:
            nonlocal last
            if time.monotonic() - last >= BEAT_SECONDS:
                last = time.monotonic()
                self._send(call, protocol.Beat(done))

        return beat

    # Files of a conversion

    def _open(self, call: int, request: protocol.OpenModels) -> list[int]:
        process_limits.limit_files(LARGEST_FILE)
        self._opened = tuple(ExactModel(path, request.n_ctx, request.threads) for path in request.paths)
        return [model.n_ctx_train for model in self._opened]

    def _quantize(self, call: int, request: protocol.Quantize) -> list[tuple[str, str, str]]:
        try:
            tensors = native.quantize(
                request.source,
                request.target,
                request.quantization,
                threads=request.threads,
                dry_run=request.dry_run,
                overrides=request.overrides,
                progress=lambda done, total: self._send(call, protocol.Beat(done, total)),
            )
        except native.NativeError as error:
            raise ModelError(f"{request.source} cannot be quantized", str(error)) from None
        return [(tensor.name, tensor.before, tensor.after) for tensor in tensors]

    # The machine

    def _describe(self, call: int, request: messages.Describe) -> dict[str, Any]:
        """What doctor shows of the native side."""
        return {
            "version": native.version(),
            "compiler": native.compiler(),
            "libraries": [name for name, _, _ in native.library_files()],
            "system": native.system_info(),
            "features": sorted(processor_features()),
            "gpu": native.can_use_gpu(),
            "for_gpus": native.is_for_gpus(),
            "sandbox": self._sandbox,
            "devices": [tuple(device) for device in native.devices()],
            "log": [*native.log_lines],
            "about": fingerprint(*request.kind_of_file, request.size),
        }


_JOBS: Mapping[type, Callable[[Jobs, int, Any], Any]] = {
    Preload: Jobs._preload,
    messages.Load: Jobs._load,
    messages.Generate: Jobs._generate,
    messages.Score: Jobs._score,
    messages.Count: lambda jobs, _, r: jobs._loaded.count(r.inputs),
    messages.Tokenize: lambda jobs, _, r: jobs._loaded.tokenize(r.text),
    messages.Offsets: lambda jobs, _, r: jobs._loaded.offsets(r.text),
    protocol.OpenModels: Jobs._open,
    protocol.TokenizeTexts: lambda jobs, _, r: jobs._opened[r.model].tokenize(r.texts, bos=r.bos, special=r.special),
    protocol.Pieces: lambda jobs, _, r: jobs._opened[0].pieces(),
    protocol.ComputeLogits: lambda jobs, _, r: jobs._opened[r.model].logits(r.ids, r.position, r.begins),
    protocol.Quantize: Jobs._quantize,
    messages.Describe: Jobs._describe,
}


def _rungs(request: messages.Load) -> tuple[Fingerprint, Known, tuple[Rung, ...]]:
    """The fingerprint of a model here, what is known for it, and the rungs to choose from."""
    about = fingerprint_of_file(request.path, request.options.kind_of_file)
    known = request.known.get(about.key, Known())
    rungs = usable(native.is_for_gpus() and request.options.gpu_layers != 0, request.only)
    if all(known.has_failed(rung.name) for rung in rungs):
        known = Known()  # there must be one: all are tried again
    return about, known, rungs
