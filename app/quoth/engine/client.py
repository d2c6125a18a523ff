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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from quoth.chat import Message
from quoth.engine import Chat, Done, Event, LoadOptions, ModelInfo, Request, ScoreEvent, Scoring, Text, wire
from quoth.engine.death import STOPPED, Death, last_line, size_of
from quoth.errors import BY_CODE, EngineError, QuothError
from quoth.spawn import spawn

POLL_SECONDS = 0.05
# What one native call may need, which says nothing meanwhile. A second:
SLOWEST_DISK = 20e6  # bytes of a file
SLOWEST_TOKENISER = 50e3  # characters


def _input(given: Chat | Text) -> str | Sequence[Message]:
    return given.messages if isinstance(given, Chat) else given.text


@dataclass(frozen=True, slots=True)
class Limits:
    """When to lose patience. Seconds."""

    hung: float = 60.0  # no slice finished; or 20 times the longest wait so far, if that is more
    stop: float = 2.0  # from a stop to its answer
    deaths: int = 2  # within `window`, then the model is not started again
    window: float = 300.0


class Client:
    """The Engine port over a worker process. One thread, alive as long as the client, spawns, respawns and reads."""

    def __init__(
        self,
        path: Path | None,
        options: LoadOptions | None = None,
        *,
        log: Path | None = None,
        limits: Limits = Limits(),
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """Start the worker and begin to load; nothing waits for it yet. `process` is a worker started before."""
        self._path = path
        self._options = options or LoadOptions()
        self._log = log
        self._limits = limits
        self._numbers = itertools.count(1)
        self._calls: dict[int, queue.SimpleQueue[Any]] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._starting = threading.Lock()
        self._loading = threading.Lock()
        self._wanted = threading.Event()
        self._up = threading.Event()
        self._down = threading.Event()
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = process
        self._log_start = size_of(log)
        self._ended_for = ""
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
                self._log_start = size_of(self._log)
                try:
                    process = spawn()
                except OSError as error:
                    self._spawn_error = error
                    self._up.set()
                    continue
            self._process = process
            self._down.clear()
            self._up.set()
            if self._closed:
                process.kill()
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
            except (wire.BrokenFrame, OSError, ValueError) as error:
                self._end_worker(f"what it sent is no message: {error}")
                message = None
            if message is None:
                stream.close()
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
        line = last_line(self._log, self._log_start)
        with self._lock:
            death = Death(returncode, line, self._ended_for)
            self._up.clear()
            self._process = None
            self._info = None
            self._load = None
            self._ended_for = ""
            if not self._closed and death.ended_for != STOPPED:
                self._deaths.append(time.monotonic())
            calls, self._calls = self._calls, {}
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        for answers in calls.values():
            answers.put(death)
        self._down.set()

    # Starting

    def _start(self) -> None:
        """Have a worker that loads the model. Raises EngineError when it died too often."""
        with self._starting:
            if self._closed:
                raise EngineError("the engine is closed")
            if self._load is None:
                self._refuse_after_deaths()
                self._start_worker()

    def _refuse_after_deaths(self) -> None:
        with self._lock:
            while self._deaths and time.monotonic() - self._deaths[0] > self._limits.window:
                self._deaths.popleft()
            if len(self._deaths) >= self._limits.deaths:
                raise EngineError(
                    f"the engine died {len(self._deaths)} times within {self._limits.window / 60:.0f} minutes",
                    "it is not started again with this model",
                    f"Choose another model, or look at {self._log}" if self._log else "Choose another model",
                )

    def _start_worker(self) -> None:
        if not self._up.is_set():  # it is, where a worker could not load what it was told to
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
        else:
            self._send({"do": "load", "path": str(self._path), "options": self._options})

    def _send(self, message: dict[str, Any]) -> int:
        """Send a message; returns the number of the call. Without a worker there is none: `_answers` says so."""
        call = next(self._numbers)
        with self._lock:
            process = self._process
            if process is not None and message["do"] not in ("stop", "log"):
                self._calls[call] = queue.SimpleQueue()
                self._load = call if message["do"] == "load" else self._load
        frame = wire.encode({**message, "call": call})
        try:
            if process is None or process.stdin is None:
                raise BrokenPipeError
            with self._writing:
                while frame:
                    frame = frame[process.stdin.write(frame) :]
        except (OSError, ValueError):
            pass  # the worker is gone; whoever waits for the call hears it from the client thread
        return call

    # Calls

    @property
    def info(self) -> ModelInfo:
        return self.ready()

    def ready(self, progress: Callable[[float], None] = lambda done: None) -> ModelInfo:
        """Wait until the model is loaded; `progress` gets 0.0 to 1.0. Raises what loading raised."""
        info = self._ready(progress)
        if info is None:
            raise EngineError("no model is loaded", "the engine was started without one")
        return info

    def _ready(
        self, progress: Callable[[float], None] = lambda done: None, stop: Callable[[], bool] = lambda: False
    ) -> ModelInfo | None:
        """As `ready`; None when `stop` said so first, while loading goes on."""
        with self._loading:  # several threads may wait for the one answer
            self._start()
            load = self._load
            if self._info is None and load != 0:
                self._info = self._loaded(load, progress, stop)
            return self._info

    def _loaded(
        self, load: int | None, progress: Callable[[float], None], stop: Callable[[], bool]
    ) -> ModelInfo | None:
        patience = max(self._limits.hung, size_of(self._path) / SLOWEST_DISK)
        try:
            for message in self._answers(load, patience, loading=self._path):
                if "value" in message:
                    return cast(ModelInfo, message["value"])
                if stop():
                    return None
                if "beat" in message:
                    progress(message["beat"])
        except QuothError:
            self._load = None  # so that the next call tries again
            raise
        return None

    def _patience(self, inputs: Sequence[str | Sequence[Message]]) -> float:
        """Seconds to wait for something to be heard of texts that are tokenised first."""
        texts = (i if isinstance(i, str) else "".join(m.text for m in i) for i in inputs)
        return self._limits.hung + sum(map(len, texts)) / SLOWEST_TOKENISER

    def _call(self, message: dict[str, Any], patience: float | None = None) -> Any:
        if self._path is not None:
            self.ready()
        else:
            self._start()
        for answer in self._answers(self._send(message), patience):
            if "value" in answer:
                return answer["value"]
        raise EngineError("the engine gave no answer", "a bug")

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        plain = tuple(i if isinstance(i, str) else tuple(i) for i in inputs)
        return list(self._call({"do": "count", "inputs": plain}, self._patience(plain)))

    def tokenize(self, text: str) -> list[int]:
        return list(self._call({"do": "tokenize", "text": text}, self._patience([text])))

    def offsets(self, text: str) -> Sequence[int]:
        return cast(Sequence[int], self._call({"do": "offsets", "text": text}, self._patience([text])))

    def quantize(self, source: Path, target: Path, quantization: str) -> None:
        """Write a GGUF at another quantization. Raises ModelError."""
        message = {"do": "quantize", "source": str(source), "target": str(target), "quantization": quantization}
        self._call(message, self._limits.hung + size_of(source) / SLOWEST_DISK)

    def describe(self) -> dict[str, Any]:
        """The native side, for `quoth doctor`."""
        return cast(dict[str, Any], self._call({"do": "describe"}))

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        open_requests = dict.fromkeys(range(len(requests)))
        message = {"do": "generate", "requests": tuple(requests)}
        with closing(self._events(message, [_input(r.input) for r in requests], stop)) as events:
            for event in events:
                if isinstance(event, Done):
                    open_requests.pop(event.request, None)
                yield event
        for number in [*open_requests]:  # stopped before their turn, or ended because they did not stop
            open_requests.pop(number)
            yield Done(number, "cancelled")

    def score(
        self, scorings: Sequence[Scoring], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[ScoreEvent, None, None]:
        inputs = [part for s in scorings for part in (_input(s.input), s.text)]
        yield from self._events({"do": "score", "scorings": tuple(scorings)}, inputs, stop)

    def _events(
        self, message: dict[str, Any], inputs: Sequence[str | Sequence[Message]], stop: Callable[[], bool]
    ) -> Generator[Any, None, None]:
        """Events of a call until its end, or until it was stopped; a worker that does not stop in time is ended."""
        call, stopping = 0, 0.0
        try:
            if self._ready(stop=stop) is not None:
                call = self._send(message)
                for answer in self._answers(call, self._patience(inputs)):
                    event = answer.get("event")
                    if event is not None:
                        yield event
                    if stopping == 0.0 and stop():
                        self._send({"do": "stop", "of": call})
                        stopping = POLL_SECONDS
                    elif stopping and not answer:
                        stopping += POLL_SECONDS
                    if stopping > self._limits.stop:
                        self._end_worker(STOPPED)
                        break
        finally:
            if call in self._calls:
                self._forget(call)

    def _forget(self, call: int) -> None:
        self._send({"do": "stop", "of": call})
        with self._lock:
            self._calls.pop(call, None)

    def _answers(
        self, call: int | None, patience: float | None = None, *, loading: Path | None = None
    ) -> Generator[dict[str, Any], None, None]:
        """Frames of a call until its value, and an empty one whenever there was none for a while.

        Raises its error, what the worker died of, or that it hangs. Patience is counted in waits and not by the clock,
        which goes on when somebody stops this process with Ctrl-Z.
        """
        with self._lock:
            answers = self._calls.get(call or 0)
        if answers is None:
            raise EngineError("the engine died", "before it could answer", "Try again")
        patience = patience or self._limits.hung
        waited = longest = 0.0
        while True:
            try:
                message = answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                waited += POLL_SECONDS
                if waited > max(patience, 20 * longest):
                    self._ask_where_it_hangs()
                    self._end_worker(why := f"nothing came from it for {waited:.0f} s")
                    raise EngineError("the engine hangs", why, "It was ended; try again") from None
                yield {}
                continue
            if isinstance(message, Death):
                raise message.error(self._log, loading)
            longest, waited = max(longest, waited), 0.0
            if "error" in message or "value" in message:
                self._calls.pop(call or 0, None)
            if "error" in message:
                code, what, why, try_ = message["error"]
                raise BY_CODE.get(code, QuothError)(what, why, try_)
            yield message
            if "value" in message:
                return

    # The end

    def _ask_where_it_hangs(self) -> None:
        """Have the worker write its threads' stacks to the log."""
        with self._lock:
            if self._process is not None and hasattr(signal, "SIGUSR1"):
                self._process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)

    def _end_worker(self, why: str) -> None:
        """Kill the worker and wait until the client thread knows."""
        with self._lock:
            process = self._process
            if process is not None:
                self._ended_for = why
                process.kill()
        if threading.current_thread() is not self._thread:
            self._down.wait(timeout=5)

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        with self._lock:
            return self._process.pid if self._process else None

    def close(self) -> None:
        """End the worker; a computation that still runs is of no use to anybody."""
        self._closed = True
        self._wanted.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._thread.join(timeout=5)
