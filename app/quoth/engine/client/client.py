"""The port as everything uses it: the model in a worker process, watched and started again when it dies."""

from __future__ import annotations

import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from quoth.chat import Message
from quoth.engine import Chat, Done, Event, LoadOptions, ModelInfo, Request, ScoreEvent, Scoring, Text, messages
from quoth.engine.client.ladder_climb import Climb
from quoth.engine.client.rung_findings import Findings
from quoth.engine.client.timeouts import Timeouts
from quoth.errors import EngineError, QuothError
from quoth.workers import protocol
from quoth.workers.calls import POLL_SECONDS, Call, Calls, Hung
from quoth.workers.worker_exit import STOPPED, WorkerExit, size_of
from quoth.workers.worker_process import WorkerProcess


def _text_of(given: Chat | Text) -> str | Sequence[Message]:
    return given.messages if isinstance(given, Chat) else given.text


class Client:
    """The Engine port over a worker process.

    A worker that dies is started again. Where a model cannot be computed in one way, the next worker tries another
    (ladder.py).
    """

    def __init__(
        self,
        path: Path | None,
        options: LoadOptions | None = None,
        *,
        log: Path | None = None,
        timeouts: Timeouts | None = None,
        process: subprocess.Popen[bytes] | None = None,
        findings: Findings | None = None,
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Start the worker and begin to load; nothing waits for it yet. `process` is a worker started before.

        `findings` keeps which ways of computing work here; `tell` gets a sentence when one does not.
        """
        self._path = path
        self._options = options or LoadOptions()
        self._log = log
        self._timeouts = timeouts or Timeouts()
        self._tell = tell
        self.climb = Climb(findings or Findings(None), self._options.rung)
        self._closed = False
        self._deaths: deque[float] = deque()
        self._lock = threading.Lock()  # which worker there is, what it loads, the climb, and the deaths
        self._loading = threading.Lock()  # one thread waits for the load's answer, the others for that thread
        self._worker: WorkerProcess | None = None
        self._load: Call | None = None
        self._info: ModelInfo | None = None
        self._start(process)

    # What the worker says, in the thread of its process

    def _hear(self, call: int, answer: Any) -> None:
        if isinstance(answer, messages.Trying):
            with self._lock:
                self.climb.tries(answer.rungs, answer.about)
        elif isinstance(answer, messages.Disproved) and self._worker is not None:
            self._worker.end(answer.why)
        else:
            self._calls.deliver(call, answer)

    def _reap(self, exit_: WorkerExit) -> None:
        with self._lock:
            stepped = False
            if self._path is not None and exit_.blames_computing:
                stepped = self.climb.fails(exit_, self._path)
                if not stepped:
                    self.climb.dies()
            if not (self._closed or stepped or exit_.ended_for == STOPPED):
                self._deaths.append(time.monotonic())
            self._worker = self._load = self._info = None
            calls = self._calls
        calls.fail(lambda call: exit_.error(self._log, self._path if isinstance(call.request, messages.Load) else None))

    # Starting

    def _start(self, process: subprocess.Popen[bytes] | None = None) -> Call | None:
        """Have a worker, and have it load the model. Returns that call. Raises EngineError when it died too often."""
        with self._lock:
            if self._closed:
                raise EngineError("the engine is closed")
            if self._worker is not None and (self._load is not None or self._path is None):
                return self._load
            self._refuse_after_deaths()
            if self._worker is None:
                worker = WorkerProcess(self._hear, self._reap, messages.RECORDS, log=self._log, process=process)
                self._calls = Calls(worker.send)
                worker.start()
                self._worker = worker
            if self._path is not None:
                timeout = self._timeouts.of("load", size_of(self._path))
                self._load = self._calls.open(self.climb.load(self._path, self._options), timeout)
            return self._load

    def _refuse_after_deaths(self) -> None:
        while self._deaths and time.monotonic() - self._deaths[0] > self._timeouts.window:
            self._deaths.popleft()
        if len(self._deaths) >= self._timeouts.deaths:
            raise EngineError(
                f"the engine died {len(self._deaths)} times within {self._timeouts.window / 60:.0f} minutes",
                "it is not started again with this model",
                f"Choose another model, or look at {self._log}" if self._log else "Choose another model",
            )

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
        """As `ready`; None without a model, or when `stop` came first, while loading goes on."""
        with self._loading:
            while True:
                failed = len(self.climb.failures)
                load = self._start()
                if self._info is not None or load is None:
                    return self._info
                try:
                    info = self._loaded(load, progress, stop)
                except QuothError:
                    self._load = None  # so that the next call tries again
                    if len(self.climb.failures) <= failed:
                        raise
                else:
                    with self._lock:
                        self._info = info if self._load is load else None  # the worker may have died since
                    return info

    def _loaded(self, load: Call, progress: Callable[[float], None], stop: Callable[[], bool]) -> ModelInfo | None:
        for answer in self._answers(load):
            if isinstance(answer, protocol.Value):
                return self._arrived(answer.value)
            if isinstance(answer, messages.NextStep):
                load.timeout = self._timeouts.of(answer.name, size_of(self._path)) + answer.within
            if stop():
                return None
            if isinstance(answer, protocol.Beat):
                progress(answer.done)
        return None

    def _arrived(self, loaded: messages.LoadedModel | None) -> ModelInfo:
        """The worker has loaded the model, or has no way left to try."""
        with self._lock:
            if loaded is None:
                self._deaths.append(time.monotonic())
                raise self.climb.gives_up()
            sentence = self.climb.succeeds(loaded.finding)
        if sentence:
            self._tell(sentence)
        return loaded.info

    # Calls

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        plain = tuple(i if isinstance(i, str) else tuple(i) for i in inputs)
        return list(self._value(messages.Count(plain), self._timeouts.to_read(plain)))

    def tokenize(self, text: str) -> list[int]:
        return list(self._value(messages.Tokenize(text), self._timeouts.to_read([text])))

    def offsets(self, text: str) -> Sequence[int]:
        return cast(Sequence[int], self._value(messages.Offsets(text), self._timeouts.to_read([text])))

    def quantize(self, source: Path, target: Path, quantization: str) -> None:
        """Write a GGUF at another quantization. Raises ModelError."""
        self._value(protocol.Quantize(source, target, quantization), self._timeouts.of("quantize", size_of(source)))

    def describe(
        self, kind_of_file: tuple[str, str] = ("", ""), size: int = 0, *, without_gpu: bool = False
    ) -> dict[str, Any]:
        """The native side, for `quoth doctor`, with the fingerprint of a model's kind and size in bytes.

        `without_gpu` starts no driver, where that ends the worker.
        """
        request = messages.Describe(kind_of_file, size, without_gpu)
        return cast(dict[str, Any], self._value(request, self._timeouts.hung))

    def _value(self, request: Any, timeout: float) -> Any:
        self._ready()
        *_, last = self._answers(self._calls.open(request, timeout))
        return last.value

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        open_requests = dict.fromkeys(range(len(requests)))
        timeout = self._timeouts.to_read([_text_of(request.input) for request in requests])
        with closing(self._events(messages.Generate(tuple(requests)), timeout, stop)) as events:
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
        timeout = self._timeouts.to_read([part for s in scorings for part in (_text_of(s.input), s.text)])
        yield from self._events(messages.Score(tuple(scorings)), timeout, stop)

    def _events(
        self, request: messages.Generate | messages.Score, timeout: float, stop: Callable[[], bool]
    ) -> Generator[Any, None, None]:
        """Events of a call until its end, or until it was stopped; a worker that does not stop in time is ended."""
        if self._ready(stop=stop) is None:
            return
        calls, stopping = self._calls, 0.0
        call = calls.open(request, timeout)
        try:
            for answer in self._answers(call):
                if isinstance(answer, messages.Emitted):
                    yield answer.event
                if stopping == 0.0 and stop():
                    calls.stop(call)
                    stopping = POLL_SECONDS
                elif stopping and answer is None:
                    stopping += POLL_SECONDS
                if stopping > self._timeouts.stop:
                    self._end(STOPPED)
                    return
        finally:
            calls.cancel(call)

    def _answers(self, call: Call) -> Iterator[Any]:
        """As `Call.wait`; a worker that hangs is ended, with an error."""
        try:
            yield from call.wait()
        except Hung as hung:
            if (worker := self._worker) is not None:
                worker.log_stacks()
            self._end(str(hung))
            raise EngineError("the engine hangs", str(hung), "It was ended; try again") from None

    def _end(self, why: str) -> None:
        if (worker := self._worker) is not None:
            worker.end(why)

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        worker = self._worker
        return worker.pid if worker else None

    def close(self) -> None:
        """End the worker; a computation that still runs is of no further use."""
        self._closed = True
        self._end("")
