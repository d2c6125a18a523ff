"""The port as everything uses it: the model in a worker process, watched and started again when it dies."""

from __future__ import annotations

import itertools
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from quoth.chat import Message
from quoth.engine import Done, Event, LoadOptions, ModelInfo, Request, wire
from quoth.engine.spawn import spawn
from quoth.errors import BY_CODE, EngineError, ModelError, QuothError

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """When to lose patience. Seconds."""

    hung: float = 60.0  # no slice finished; or 20 times the longest wait so far, if that is more
    stop: float = 2.0  # from a stop to its answer
    deaths: int = 2  # within `window`, then the model is not started again
    window: float = 300.0


class _Death:
    """What a call gets when the worker is gone."""

    def __init__(self, returncode: int, log: str) -> None:
        self.returncode = returncode
        self.log = log


class Client:
    """The Engine port over a worker process. One thread, alive as long as the client, spawns, respawns and reads."""

    def __init__(
        self,
        path: Path | None,
        options: LoadOptions = LoadOptions(),
        *,
        log: Path | None = None,
        limits: Limits = Limits(),
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """Start the worker and begin to load; nothing waits for it yet. `process` is a worker started before."""
        self._path = path
        self._options = options
        self._log = log
        self._limits = limits
        self._numbers = itertools.count(1)
        self._calls: dict[int, queue.SimpleQueue[Any]] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = threading.Event()
        self._up = threading.Event()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = process
        self._log_start = 0
        self._deaths: deque[float] = deque()
        self._load: int | None = None
        self._info: ModelInfo | None = None
        self._spawn_error: OSError | None = None
        self._thread = threading.Thread(target=self._live, name="engine client", daemon=True)
        self._thread.start()
        self._start()

    # The client thread

    def _live(self) -> None:
        process = self._process
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closed:
                return
            if process is None:
                self._log_start = self._log_size()
                try:
                    process = spawn()
                except OSError as error:
                    self._spawn_error = error
                    self._up.set()
                    continue
            self._process = process
            self._up.set()
            self._read(process)
            self._bury(process)
            process = None

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        import io

        assert process.stdout is not None
        stream = io.BufferedReader(cast(io.RawIOBase, process.stdout), 64 * 1024)
        while True:
            try:
                message = wire.read(cast(Any, stream))
            except (wire.BrokenFrame, OSError, ValueError):
                process.kill()
                return
            if message is None:
                return
            with self._lock:
                answers = self._calls.get(message.get("call", 0))
            if answers is not None:
                answers.put(message)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        try:
            returncode = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            returncode = process.wait()
        death = _Death(returncode, self._log_tail())
        with self._lock:
            self._up.clear()
            self._process = None
            self._info = None
            self._load = None
            if not self._closed:
                self._deaths.append(time.monotonic())
            calls, self._calls = self._calls, {}
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        for answers in calls.values():
            answers.put(death)

    # Starting

    def _start(self) -> None:
        """Have a worker that loads the model. Raises EngineError when it died too often."""
        with self._lock:
            if self._load is not None:
                return
            while self._deaths and time.monotonic() - self._deaths[0] > self._limits.window:
                self._deaths.popleft()
            if len(self._deaths) >= self._limits.deaths:
                raise EngineError(
                    f"the engine died {len(self._deaths)} times within {self._limits.window / 60:.0f} minutes",
                    "it is not started again with this model",
                    f"Choose another model, or look at {self._log}" if self._log else "Choose another model",
                )
        self._wanted.set()
        self._up.wait()
        if self._spawn_error is not None:
            error, self._spawn_error = self._spawn_error, None
            self._up.clear()
            raise EngineError("the engine cannot be started", str(error), "Free some memory or processes and try again")
        if self._log is not None:
            self._send({"do": "log", "path": str(self._log)})
        if self._path is None:
            self._load = 0
            return
        self._load = self._send({"do": "load", "path": str(self._path), "options": self._options})

    def _send(self, message: dict[str, Any]) -> int:
        call = next(self._numbers)
        with self._lock:
            process = self._process
            if message["do"] not in ("stop", "log"):
                self._calls[call] = queue.SimpleQueue()
        frame = wire.encode({**message, "call": call})
        try:
            if process is None or process.stdin is None:
                raise BrokenPipeError
            with self._writing:
                while frame:
                    frame = frame[process.stdin.write(frame) :]
        except (OSError, ValueError):
            pass  # the worker is gone: whoever waits for the call hears it from the client thread
        return call

    # Calls

    @property
    def info(self) -> ModelInfo:
        return self.ready()

    def ready(self, progress: Callable[[float], None] = lambda done: None) -> ModelInfo:
        """Wait until the model is loaded; `progress` gets 0.0 to 1.0. Raises what loading raised."""
        self._start()
        if self._info is None and self._load:
            for message in self._answers(self._load, lambda: False, loading=True):
                if "beat" in message:
                    progress(message["beat"])
                elif "value" in message:
                    self._info = message["value"]
        if self._info is None:
            raise EngineError("no model is loaded", "the engine was started without one")
        return self._info

    def _call(self, message: dict[str, Any]) -> Any:
        if self._path is not None:
            self.ready()
        else:
            self._start()
        for answer in self._answers(self._send(message), lambda: False):
            if "value" in answer:
                return answer["value"]
        raise EngineError("the engine gave no answer", "a bug")

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        return list(self._call({"do": "count", "inputs": tuple(i if isinstance(i, str) else tuple(i) for i in inputs)}))

    def tokenize(self, text: str) -> list[int]:
        return list(self._call({"do": "tokenize", "text": text}))

    def offsets(self, text: str) -> Sequence[int]:
        return cast(Sequence[int], self._call({"do": "offsets", "text": text}))

    def quantize(self, source: Path, target: Path, quantization: str) -> None:
        """Write a GGUF at another quantization. Raises ModelError."""
        self._call({"do": "quantize", "source": str(source), "target": str(target), "quantization": quantization})

    def describe(self) -> dict[str, Any]:
        """The native side, for `quoth doctor`."""
        return cast(dict[str, Any], self._call({"do": "describe"}))

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        self.ready()
        call = self._send({"do": "generate", "requests": tuple(requests)})
        open_requests = dict.fromkeys(range(len(requests)))
        try:
            for message in self._answers(call, stop):
                event = message.get("event")
                if event is not None:
                    if isinstance(event, Done):
                        open_requests.pop(event.request, None)
                    yield event
            for number in [*open_requests]:  # stopped before their turn, or killed because they did not stop
                open_requests.pop(number)
                yield Done(number, "cancelled")
        finally:
            if open_requests and call in self._calls:
                self._forget(call)

    def _forget(self, call: int) -> None:
        self._send({"do": "stop", "of": call})
        with self._lock:
            self._calls.pop(call, None)

    def _answers(
        self, call: int, stop: Callable[[], bool], *, loading: bool = False
    ) -> Generator[dict[str, Any], None, None]:
        """Frames of a call until its value; raises its error, or what the worker died of."""
        with self._lock:
            answers = self._calls.get(call)
        if answers is None:
            raise EngineError("the engine died", "before it could answer", "Try again")
        waited_since, longest, stopping = time.monotonic(), 0.0, 0.0
        while True:
            try:
                message = answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                message = None
            now = time.monotonic()
            if not stopping and stop():
                stopping = now
                self._send({"do": "stop", "of": call})
            if message is None:
                hung = now - waited_since > max(self._limits.hung, 20 * longest)
                if hung or (stopping and now - stopping > self._limits.stop):
                    self._kill()
                    if stopping:
                        return
                    raise EngineError(
                        "the engine hangs", f"nothing for {now - waited_since:.0f} s", "It was ended; try again"
                    )
                continue
            if isinstance(message, _Death):
                raise self._death(message, loading)
            longest, waited_since = max(longest, now - waited_since), now
            if "error" in message:
                self._calls.pop(call, None)
                code, what, why, try_ = message["error"]
                raise BY_CODE.get(code, QuothError)(what, why, try_)
            yield message
            if "value" in message:
                self._calls.pop(call, None)
                return

    def _death(self, death: _Death, loading: bool) -> QuothError:
        code, tail = death.returncode, death.log
        if code < 0:
            try:
                how = f"signal {signal.Signals(-code).name}"
            except ValueError:
                how = f"signal {-code}"
        else:
            how = f"exit code {code}"
        why = f"{how}: {tail}" if tail else how
        if code == -9:
            return EngineError(
                "the engine was killed", f"{how}; out of memory, most likely", "Pass a smaller --ctx or a smaller model"
            )
        if code == -4:
            return EngineError(
                "the engine uses instructions that this processor lacks", how, "Reinstall llama-cpp-python from source"
            )
        if loading and self._path is not None:
            return ModelError(f"{self._path.name} made the engine fail while loading", why, "Choose another model")
        where = f"Try again; the log is {self._log}" if self._log else "Try again"
        return EngineError("the engine died", why, where)

    # The log

    def _log_size(self) -> int:
        try:
            return self._log.stat().st_size if self._log else 0
        except OSError:
            return 0

    def _log_tail(self) -> str:
        """The last line that this worker wrote."""
        if self._log is None:
            return ""
        try:
            with self._log.open("rb") as log:
                size = self._log_size()
                log.seek(max(min(self._log_start, size), size - 4096))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        written = [line.strip() for line in lines if line.strip()]
        return written[-1][:300] if written else ""

    # The end

    def _kill(self) -> None:
        with self._lock:
            process = self._process
        if process is not None:
            process.kill()

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        with self._lock:
            return self._process.pid if self._process else None

    def close(self) -> None:
        """End the worker; a computation that still runs is of no use to anybody."""
        self._closed = True
        self._kill()
        self._wanted.set()
        self._thread.join(timeout=5)


