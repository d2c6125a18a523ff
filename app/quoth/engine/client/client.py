"""The port as everything uses it: the model in a worker process, watched and started again when it dies."""

from __future__ import annotations

import itertools
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from quoth.chat import Message
from quoth.engine import Chat, Done, Event, LoadOptions, ModelInfo, Request, ScoreEvent, Scoring, Text
from quoth.engine.client.climb import Climb
from quoth.engine.client.findings import Findings
from quoth.engine.client.worker_exit import STOPPED, Death, size_of
from quoth.engine.client.worker_process import Message as Frame
from quoth.engine.client.worker_process import WorkerProcess
from quoth.engine.ladder import Finding, Fingerprint
from quoth.engine.needs import SLOWEST_DISK
from quoth.errors import BY_CODE, EngineError, QuothError

POLL_SECONDS = 0.05
# What one native call may need, which says nothing meanwhile. A second:
SLOWEST_TOKENISER = 50e3  # characters


def _input(given: Chat | Text) -> str | Sequence[Message]:
    return given.messages if isinstance(given, Chat) else given.text


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts, in seconds."""

    hung: float = 60.0  # no slice finished; or 20 times the longest wait so far, if that is more
    driver: float = 20.0  # a GPU's driver starts
    kernels: float = 60.0  # a GPU's driver compiles what it runs at the first use
    proof: float = 5.0  # a step of a proof, beyond what the worker reckons with
    stop: float = 2.0  # from a stop to its answer
    deaths: int = 2  # within `window`, then the model is not started again
    window: float = 300.0

    def of(self, step: str, size: int) -> float:
        """How long the worker may say nothing in a step of loading a file of so many bytes."""
        known = {"driver": self.driver, "kernels": self.kernels, "proof": self.proof}
        return known.get(step, max(self.hung, size / SLOWEST_DISK))


class Client:
    """The Engine port over a worker process. A worker that dies is started again, one in which a model cannot be
    computed in one way is followed by one that tries the next (ladder.py)."""

    def __init__(
        self,
        path: Path | None,
        options: LoadOptions | None = None,
        *,
        log: Path | None = None,
        limits: Limits = Limits(),
        process: subprocess.Popen[bytes] | None = None,
        findings: Findings | None = None,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Start the worker and begin to load; nothing waits for it yet. `process` is a worker started before.

        `findings` says which ways of computing work here, and learns it; `tell` gets a sentence when one does not.
        """
        self._path = path
        self._options = options or LoadOptions()
        self._log = log
        self._limits = limits
        self._tell = tell
        self._climb = Climb(findings or Findings(None), self._options.rung)
        self._numbers = itertools.count(1)
        self._calls: dict[int, queue.SimpleQueue[Any]] = {}
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._loading = threading.Lock()
        self._closed = False
        self._deaths: deque[float] = deque()
        self._load: int | None = None
        self._info: ModelInfo | None = None
        self._worker = WorkerProcess(self._hear, self._bury, log=log, process=process)
        self._start()

    # What the worker says, in the thread of its process

    def _hear(self, message: Frame) -> None:
        with self._lock:
            answers = self._calls.get(message.get("call", 0))
            if "tries" in message:
                self._climb.tries(message["tries"], message["about"])
        if "unproved" in message:
            self._worker.end(message["unproved"])
        elif answers is not None:
            answers.put(message)

    def _bury(self, death: Death) -> None:
        with self._lock:
            stepped = False
            if self._path is not None and death.is_of_the_way:
                stepped = self._climb.fails(death, self._path)
                if not stepped:
                    self._climb.dies()
            if not (self._closed or stepped or death.ended_for == STOPPED):
                self._deaths.append(time.monotonic())
            self._info = self._load = None
            calls, self._calls = self._calls, {}
        for answers in calls.values():
            answers.put(death)

    # Starting

    def _start(self) -> None:
        """Have a worker that loads the model. Raises EngineError when it died too often."""
        with self._starting:
            if self._closed:
                raise EngineError("the engine is closed")
            if self._load is None:
                self._refuse_after_deaths()
                self._worker.start()
                self._begin()

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

    def _begin(self) -> None:
        if self._log is not None:
            self._send({"do": "log", "path": self._log})
        if self._path is None:
            self._load = 0
        else:
            self._send({"do": "load", "path": self._path, "options": self._options, **self._climb.order()})

    def _send(self, message: Frame) -> int:
        """Send a message; returns the number of the call. Without a worker there is none: `_answers` says so."""
        call = next(self._numbers)
        with self._lock:
            if self._worker.pid is not None and message["do"] not in ("stop", "log"):
                self._calls[call] = queue.SimpleQueue()
                self._load = call if message["do"] == "load" else self._load
        self._worker.send({**message, "call": call})
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
            while True:
                failed = len(self._climb.failures)
                self._start()
                if self._info is not None or self._load == 0:
                    return self._info
                try:
                    self._info = self._loaded(progress, stop)
                except QuothError:
                    self._load = None  # so that the next call tries again
                    if len(self._climb.failures) <= failed:
                        raise
                else:
                    return self._info

    def _loaded(self, progress: Callable[[float], None], stop: Callable[[], bool]) -> ModelInfo | None:
        patience = self._limits.of("load", size_of(self._path))
        for message in self._answers(self._load, patience, loading=self._path):
            if "value" in message:
                return self._arrived(message["value"])
            if stop():
                return None
            if "beat" in message:
                progress(message["beat"])
        return None

    def _arrived(self, value: Mapping[str, Any]) -> ModelInfo:
        """The worker has loaded the model, or has no way left in which to try."""
        if "info" not in value:
            with self._lock:
                self._deaths.append(time.monotonic())
                raise self._climb.gives_up()
        with self._lock:
            sentence = self._climb.succeeds(value["finding"])
        if sentence:
            self._tell(sentence)
        return cast(ModelInfo, value["info"])

    @property
    def finding(self) -> Finding:
        """How the way of computing that is in use proved itself, now or before."""
        return self._climb.finding

    @property
    def about(self) -> Fingerprint | None:
        """What a finding of this client holds for; None before a way of computing was tried."""
        return self._climb.about

    @property
    def failures(self) -> dict[str, str]:
        """How ways of computing failed since the last that did not, by rung."""
        return self._climb.failures

    def _patience(self, inputs: Sequence[str | Sequence[Message]]) -> float:
        """Seconds to wait for something to be heard of texts that are tokenised first."""
        texts = (i if isinstance(i, str) else "".join(m.text for m in i) for i in inputs)
        return self._limits.hung + sum(map(len, texts)) / SLOWEST_TOKENISER

    def _call(self, message: Frame, patience: float | None = None) -> Any:
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
        message = {"do": "quantize", "source": source, "target": target, "quantization": quantization}
        self._call(message, self._limits.hung + size_of(source) / SLOWEST_DISK)

    def describe(
        self, kind_of_file: tuple[str, str] = ("", ""), size: int = 0, *, without_gpu: bool = False
    ) -> dict[str, Any]:
        """The native side, for `quoth doctor`, with the fingerprint of a model's kind and size in bytes.

        `without_gpu` starts no driver, where that ends the worker.
        """
        about = {"kind_of_file": kind_of_file, "size": size, "without_gpu": without_gpu}
        return cast(dict[str, Any], self._call({"do": "describe", **about}))

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
        self, message: Frame, inputs: Sequence[str | Sequence[Message]], stop: Callable[[], bool]
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
                        self._worker.end(STOPPED)
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
    ) -> Generator[Frame, None, None]:
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
                    self._worker.ask_where_it_hangs()
                    self._worker.end(why := f"nothing came from it for {waited:.0f} s")
                    raise EngineError("the engine hangs", why, "It was ended; try again") from None
                yield {}
                continue
            if isinstance(message, Death):
                raise message.error(self._log, loading)
            longest, waited = max(longest, waited), 0.0
            if "step" in message:
                patience = self._limits.of(message["step"], size_of(self._path)) + message["within"]
            if "error" in message or "value" in message:
                self._calls.pop(call or 0, None)
            if "error" in message:
                code, what, why, try_ = message["error"]
                raise BY_CODE.get(code, QuothError)(what, why, try_)
            yield message
            if "value" in message:
                return

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        return self._worker.pid

    def close(self) -> None:
        """End the worker; a computation that still runs is of no use to anybody."""
        self._closed = True
        self._worker.close()
