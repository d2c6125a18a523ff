"""The child process that owns a model: the only one of the app that loads native code.

Three threads: one computes, one reads frames (stop and the end of the stream must be heard while C computes),
one counts tokens. Everything that is not a frame goes to stderr, which is a log file.
"""

from __future__ import annotations

import faulthandler
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from quoth.engine import LoadOptions, wire
from quoth.engine.ladder import Fingerprint, Known, Rung, Unproved, choose, usable
from quoth.engine.needs import SLOWEST_DISK
from quoth.engine.out_of_memory import shortage
from quoth.engine.worker.installation import unloadable
from quoth.engine.worker.pieces import join_pieces
from quoth.engine.worker.sandbox import Landlock, confine, parts_of
from quoth.errors import ModelError, QuothError
from quoth.platform import memory, process_limits

if TYPE_CHECKING:
    from quoth.engine.worker.llama import Llama

LOG_LIMIT = 1024 * 1024  # bytes; a longer log starts again
LARGEST_FILE = 16 * 1024 * 1024  # bytes; a worker that holds a model writes nothing but its log
BEAT_SECONDS = 0.25
STACKS = (1 << 30, 1 << 28, 0)  # bytes, in the order they are tried; 0 is the platform's own
STACK_SHARE = 16  # a stack takes at most one part in so many of a limited address space


def main(parent: int) -> None:
    """Run until the parent closes the stream. The log is written once the client has named it."""
    process_limits.die_with_parent(parent)
    process_limits.offer_to_oom_killer()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1)  # the client asks where a worker hangs, before it ends it
    frames_in, frames_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.setswitchinterval(0.001)  # a frame should not wait 5 ms for the thread that imports
    Worker(frames_in, frames_out).run()


def start_deep(target: Callable[[], None]) -> threading.Thread:
    """Run something in a thread with the deepest stack that can be had.

    llama.cpp's tokeniser recurses for every character of a run (std::regex): with the usual 8 MiB, 30,000 times "<"
    end the process on some vocabularies. A stack takes memory only where it is used, but of a limit on the address
    space (ulimit -v) it takes all of its size: there it is small.
    """
    limit = memory.address_space()
    for size in STACKS:
        if limit and size * STACK_SHARE > limit:
            continue
        thread = threading.Thread(target=target, daemon=True)
        before = threading.stack_size(size)
        try:
            thread.start()
        except RuntimeError:  # no room for it
            continue
        finally:
            threading.stack_size(before)
        return thread
    raise RuntimeError("no thread can be started")


class Worker:
    """Jobs by name, their answers as frames."""

    def __init__(self, frames_in: BinaryIO, frames_out: BinaryIO) -> None:
        self._in = frames_in
        self._out = frames_out
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._stopped: set[int] = set()
        self._computed = 0  # the call that the model computes
        self._computed_lock = threading.Lock()
        self._model: Llama | None = None
        self._sandbox = ""

    def run(self) -> None:
        """Read frames in one thread, count in another, compute in a third: started when it is known what for.

        The sandbox holds for threads that are started in it, and the first job says which files it must leave open.
        """
        try:
            from quoth.engine.worker import llama  # noqa: F401  # loading needs it, and here no thread holds Python's lock
        except (ImportError, OSError, RuntimeError) as error:
            self._refuse(unloadable(str(error)))
        first = self._dispatch_until_a_job()
        self._sandbox = self._confine_for(first)
        threading.Thread(target=self._read, daemon=True).start()
        start_deep(lambda: self._work(self._counts))
        jobs = start_deep(lambda: self._work(self._jobs))
        self._dispatch(first)
        self._counts.put({"call": 0, "do": "preload"})  # while the weights load
        jobs.join()

    def _confine_for(self, job: dict[str, Any]) -> str:
        """Give up what the worker's jobs do not need: it serves one model, or makes one file of another.

        Where no way on the GPU is left to try, no driver is started, which may be what crashes.
        """
        from quoth import native

        match job["do"]:
            case "load":
                _, known, rungs = self._rungs(job)
                files = Landlock(reads=tuple(parts_of(job["path"])))
                gpu = any(r.gpu_share for r in rungs if r.name not in job["failed"] and not known.has_failed(r.name))
            case "quantize":
                source, target = job["source"], job["target"]
                files, gpu = Landlock(reads=tuple(parts_of(source)), writes=(target.parent,)), False
            case _:
                files, gpu = Landlock(), native.is_for_gpus() and not job.get("without_gpu")
        if gpu:
            return "off (a GPU driver needs what it forbids)"
        native.hide_gpus()
        return confine(files)

    def _refuse(self, error: QuothError) -> NoReturn:
        """Answer every call with an error: the library cannot be used."""
        while True:
            self._send_error(self._next()["call"], error)

    def _dispatch_until_a_job(self) -> dict[str, Any]:
        """The first message that is more than where the log is."""
        while (message := self._next())["do"] in ("log", "stop"):
            self._dispatch(message)
        return message

    def _read(self) -> None:
        while True:
            self._dispatch(self._next())

    def _next(self) -> dict[str, Any]:
        try:
            message = wire.read(self._in)
        except (wire.BrokenFrame, OSError):
            message = None
        if message is None:
            os._exit(0)  # the parent is gone; a running computation has nobody to tell
        return message

    def _dispatch(self, message: dict[str, Any]) -> None:
        match message["do"]:
            case "stop":
                self._stop(message["of"])
            case "count" | "tokenize" | "offsets":
                self._counts.put(message)
            case "log":
                _write_stderr_to(message["path"])
            case _:
                self._jobs.put(message)

    def _work(self, jobs: queue.SimpleQueue[dict[str, Any]]) -> None:
        while True:
            message = jobs.get()
            call = message["call"]
            try:
                job = getattr(self, f"_do_{message['do']}")
                self._send({"call": call, "value": job(message)})
            except Unproved as error:
                self._send({"call": call, "unproved": str(error)})  # the client ends this process
            except QuothError as error:
                self._send_error(call, error)
            except Exception as error:  # the parent reports it; the log has the traceback
                traceback.print_exc(file=sys.stderr)
                why = f"{type(error).__name__}: {error}"
                known = shortage(why) or QuothError(f"the engine stumbled: {why}", "a bug")
                self._send_error(call, known)

    def _send_error(self, call: int, error: QuothError) -> None:
        self._send({"call": call, "error": [int(error.exit_code), error.what, error.why, error.try_]})

    def _send(self, message: dict[str, Any]) -> None:
        frame = wire.encode(message)
        with self._lock:
            try:
                while frame:
                    frame = frame[self._out.write(frame) :]
            except OSError:
                os._exit(0)

    @property
    def _loaded(self) -> Llama:
        if self._model is None:
            raise QuothError("no model is loaded in the engine", "a bug")
        return self._model

    def _do_preload(self, message: dict[str, Any]) -> None:
        from quoth.engine.worker.prompts import template

        template.preload()

    def _do_load(self, message: dict[str, Any]) -> Any:
        """Load on the highest rung that may work, and prove it unless it is known to. Nothing: no rung is left."""
        from quoth import native
        from quoth.engine.worker.loading import NoRoom

        if self._model is not None:
            self._model.close()
            self._model = None
        process_limits.limit_files(LARGEST_FILE)
        about, known, rungs = self._rungs(message)
        failed = [*message["failed"]]
        call, gpus = message["call"], tuple(rung.name for rung in rungs if rung.gpu_share)
        while (rung := choose(rungs, known, failed)) is not None:
            if rung.gpu_share:
                self._send({"call": call, "tries": gpus, "about": about, "step": "driver", "within": 0.0})
                native.can_use_gpu()  # its driver starts, or crashes, or hangs
            self._send({"call": call, "tries": (rung.name,), "about": about, "step": "load", "within": 0.0})
            try:
                return self._load_on(rung, message, proved=rung.name in known.findings)
            except NoRoom:
                failed.append(rung.name)
        return {}

    def _rungs(self, message: dict[str, Any]) -> tuple[Fingerprint, Known, tuple[Rung, ...]]:
        """What a model's file and this machine are, what is known of that, and the rungs that there are."""
        from quoth import native

        about = _fingerprint(message["path"], message["options"])
        known = message["known"].get(about.key, Known())
        gpu = native.is_for_gpus() and message["options"].gpu_layers != 0
        rungs = usable(gpu, message["only"])
        if all(known.has_failed(rung.name) for rung in rungs):
            known = Known()  # there must be one: all are tried again
        return about, known, rungs

    def _load_on(self, rung: Rung, message: dict[str, Any], *, proved: bool) -> dict[str, Any]:
        from quoth.engine.worker.llama import Llama

        beat = self._beats(message["call"])

        def progress(done: float) -> bool:
            beat(done)
            return message["call"] not in self._stopped

        began = time.monotonic()
        self._model = Llama(message["path"], message["options"], progress, rung=rung)
        loaded = time.monotonic() - began
        if proved:
            return {"info": self._model.info, "finding": None}

        def allow(seconds: float, step: str = "proof") -> None:
            self._send({"call": message["call"], "step": step, "within": seconds})

        allow(self._model.info.size / SLOWEST_DISK, "kernels" if self._model.info.on_gpu else "proof")
        return {"info": self._model.info, "finding": self._model.prove(allow)._replace(load=loaded)}

    def _beats(self, call: int) -> Callable[[float], None]:
        last = time.monotonic()

        def beat(done: float) -> None:
            nonlocal last
            if time.monotonic() - last >= BEAT_SECONDS:
                last = time.monotonic()
                self._send({"call": call, "beat": done})

        return beat

    def _do_generate(self, message: dict[str, Any]) -> None:
        call = message["call"]
        with self._computing(call):
            events = self._loaded.generate(message["requests"], stop=self._stop_of(call))
            for event in join_pieces(events, time.monotonic):
                self._send({"call": call, "event": event})

    def _do_score(self, message: dict[str, Any]) -> None:
        call = message["call"]
        with self._computing(call):
            for event in self._loaded.score(message["scorings"], stop=self._stop_of(call)):
                self._send({"call": call, "event": event})

    @contextmanager
    def _computing(self, call: int) -> Iterator[None]:
        with self._computed_lock:
            self._computed = call
        try:
            yield
        finally:
            with self._computed_lock:
                self._computed = 0
            self._stopped.discard(call)

    def _stop(self, call: int) -> None:
        """Stop a call, in the middle of a computation too; one that comes too late must not stop the next call."""
        self._stopped.add(call)
        with self._computed_lock:
            if call == self._computed and self._model is not None:
                self._model.abort.set()

    def _stop_of(self, call: int) -> Callable[[], bool]:
        """Whether a call was stopped; the parent hears now and then that it is asked."""
        beat = self._beats(call)

        def stop() -> bool:
            beat(0.0)
            return call in self._stopped

        return stop

    def _do_count(self, message: dict[str, Any]) -> Any:
        return self._loaded.count(message["inputs"])

    def _do_tokenize(self, message: dict[str, Any]) -> Any:
        return self._loaded.tokenize(message["text"])

    def _do_offsets(self, message: dict[str, Any]) -> Any:
        return self._loaded.offsets(message["text"])

    def _do_quantize(self, message: dict[str, Any]) -> None:
        from quoth import native

        try:
            native.quantize(message["source"], message["target"], message["quantization"])
        except native.NativeError as error:
            raise ModelError(f"{message['source']} cannot be quantized", str(error)) from None

    def _do_describe(self, message: dict[str, Any]) -> Any:
        """What doctor shows of the native side."""
        from quoth import native
        from quoth.engine.worker.fingerprint import fingerprint, processor_features

        devices = [[d.name, d.description, d.kind, d.free, d.total] for d in native.devices()]
        return {
            "version": native.version(),
            "compiler": native.compiler(),
            "libraries": [name for name, _, _ in native.library_files()],
            "system": native.system_info(),
            "features": sorted(processor_features()),
            "gpu": native.can_use_gpu(),
            "for_gpus": native.is_for_gpus(),
            "sandbox": self._sandbox,
            "devices": devices,
            "log": [*native.log_lines],
            "about": fingerprint(message["kind_of_file"][0], message["kind_of_file"][1], message["size"]),
        }


def _fingerprint(path: Path, options: LoadOptions) -> Fingerprint:
    from quoth.engine.worker.fingerprint import fingerprint

    architecture, quantization = options.kind_of_file
    if not architecture:
        from quoth.gguf import read_header

        try:
            header = read_header(path, tensors=False)
            architecture, quantization = header.architecture, header.quantization
        except ModelError:  # to load it says more
            architecture = "unknown"
    size = sum(part.stat().st_size for part in {*parts_of(path)} if part.exists())
    return fingerprint(architecture, quantization, size)


def _write_stderr_to(log: Path) -> None:
    """Append to a private, capped log; where it cannot be written, what goes to stderr is lost as before."""
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if sys.platform != "win32":
            os.fchmod(descriptor, 0o600)  # also where an older log was open to others
        if os.fstat(descriptor).st_size > LOG_LIMIT:
            os.ftruncate(descriptor, 0)
    except OSError:
        return
    os.dup2(descriptor, 2)
    os.dup2(descriptor, 1)
    os.close(descriptor)
