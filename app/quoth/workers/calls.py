"""Who waits for which answer of a worker. Knows no process: it is given a way to send."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from quoth.errors import EngineError, QuothError
from quoth.workers.protocol import Failure, Stop, Value

POLL_SECONDS = 0.05


class Hung(Exception):
    """A call had no answer for so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing came from it for {seconds:.0f} s")


class Call:
    """A request that was sent, and its answers so far."""

    def __init__(self, number: int, request: Any, timeout: float) -> None:
        self.number = number
        self.request = request
        self.timeout = timeout  # seconds without an answer after which the worker hangs; may be changed at any time
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def wait(self) -> Iterator[Any]:
        """Answers until the Value, and None whenever there was none for POLL_SECONDS.

        Raises the error that ended the call, and Hung after its timeout, or after 20 times the longest wait so far if
        that is more. The time is counted in polls and not by the clock, which goes on while Ctrl-Z stops this process.
        """
        waited = longest = 0.0
        while True:
            try:
                answer = self.answers.get(timeout=POLL_SECONDS)
            except queue.Empty:
                waited += POLL_SECONDS
                if waited > max(self.timeout, 20 * longest):
                    raise Hung(waited) from None
                yield None
                continue
            if isinstance(answer, QuothError):
                raise answer
            longest, waited = max(longest, waited), 0.0
            yield answer
            if isinstance(answer, Value):
                return


class Calls:
    """The open calls of one worker."""

    def __init__(self, send: Callable[[int, Any], None]) -> None:
        self._send = send
        self._numbers = itertools.count(1)
        self._open: dict[int, Call] = {}
        self._over = False
        self._lock = threading.Lock()  # a call is opened before the end of the worker, which fails it, or not at all

    def open(self, request: Any, timeout: float) -> Call:
        """Send a request. Raises EngineError where the worker has ended."""
        call = Call(next(self._numbers), request, timeout)
        with self._lock:
            if self._over:
                raise EngineError("the engine died", "before it could answer", "Try again")
            self._open[call.number] = call
        self._send(call.number, request)
        return call

    def deliver(self, number: int, answer: Any) -> None:
        """Give an answer to the call that waits for it; to one that was cancelled it is lost."""
        ends = isinstance(answer, (Value, Failure))
        call = self._open.pop(number, None) if ends else self._open.get(number)
        if call is not None:
            call.answers.put(answer.error() if isinstance(answer, Failure) else answer)

    def stop(self, call: Call) -> None:
        """Ask the worker to stop a call, which then ends as it can."""
        self._send(0, Stop(call.number))

    def cancel(self, call: Call) -> None:
        """Stop a call unless it has ended, and drop what still comes of it."""
        if self._open.pop(call.number, None) is not None:
            self.stop(call)

    def fail(self, error: Callable[[Call], QuothError]) -> None:
        """The worker has ended: every open call gets its error, and no other is opened."""
        with self._lock:
            self._over = True
            calls, self._open = self._open, {}
        for call in calls.values():
            call.answers.put(error(call))
