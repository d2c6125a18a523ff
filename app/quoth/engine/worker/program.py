"""The worker program: the only process of Quoth that loads native code.

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
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from quoth.engine.ladder import Unproved
from quoth.engine.messages import RECORDS, Count, Disproved, Load, Offsets, Tokenize
from quoth.errors import QuothError
from quoth.platform import memory, process_limits
from quoth.workers import wire
from quoth.workers.native_errors import out_of_memory, unloadable
from quoth.workers.protocol import Failure, Log, Stop, Value

if TYPE_CHECKING:
    from quoth.engine.worker.jobs import Jobs

LOG_LIMIT = 1024 * 1024  # bytes; a longer log starts again
STACKS = (1 << 30, 1 << 28, 0)  # bytes, in the order they are tried; 0 is the platform's own
STACK_SHARE = 16  # a stack takes at most one part in so many of a limited address space

Request = tuple[int, Any]  # the number of a call, and what it asks for


def main(parent: int) -> None:
    """Run until the parent closes the stream. The log is written once the parent has named it."""
    process_limits.die_with_parent(parent)
    process_limits.offer_to_oom_killer()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1)  # the parent asks where a worker hangs, before it ends it
    frames_in, frames_out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.setswitchinterval(0.001)  # a frame should not wait 5 ms for the thread that imports
    Worker(frames_in, frames_out).run()


def start_deep(target: Callable[[], None]) -> threading.Thread:
    """Run something in a thread with the deepest stack that can be had.

    llama.cpp's tokenizer recurses for every character of a run (std::regex): with the usual 8 MiB, 30,000 times "<"
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
    """Frames in and out, and the threads between them."""

    def __init__(self, frames_in: BinaryIO, frames_out: BinaryIO) -> None:
        self._in = frames_in
        self._out = frames_out
        self._writing = threading.Lock()  # a frame goes whole
        self._computing: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._counting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._jobs: Jobs

    def run(self) -> None:
        """Read frames in one thread, count in another, compute in a third.

        They start when the first request has said which files the sandbox must leave open: it holds for threads that
        are started in it.
        """
        try:
            from quoth.engine.worker import jobs  # here, where no other thread holds Python's lock
        except (ImportError, OSError, RuntimeError) as error:
            self._refuse(unloadable(str(error)))
        self._jobs = jobs.Jobs(self._send)
        call, request = self._first_request()
        self._jobs.confine_for(request)
        threading.Thread(target=self._read, daemon=True).start()
        start_deep(lambda: self._work(self._counting))
        computing = start_deep(lambda: self._work(self._computing))
        self._dispatch(call, request)
        if isinstance(request, Load):
            self._counting.put((0, jobs.Preload()))  # while the weights load
        computing.join()

    def _refuse(self, error: QuothError) -> NoReturn:
        """Answer every call with an error: the library cannot be used."""
        while True:
            self._fail(self._next()[0], error)

    def _first_request(self) -> Request:
        """The first that is more than where the log is."""
        while isinstance((request := self._next())[1], (Log, Stop)):
            self._dispatch(*request)
        return request

    def _read(self) -> None:
        while True:
            self._dispatch(*self._next())

    def _next(self) -> Request:
        try:
            request = wire.read(self._in, RECORDS)
        except (wire.BrokenFrame, OSError):
            request = None
        if request is None:
            os._exit(0)  # the parent is gone; nothing waits for a running computation
        return request

    def _dispatch(self, call: int, request: Any) -> None:
        match request:
            case Stop(stopped):
                self._jobs.stop(stopped)
            case Log(path):
                _write_stderr_to(path)
            case Count() | Tokenize() | Offsets():
                self._counting.put((call, request))
            case _:
                self._computing.put((call, request))

    def _work(self, requests: queue.SimpleQueue[Request]) -> None:
        while True:
            call, request = requests.get()
            try:
                self._send(call, Value(self._jobs.run(call, request)))
            except Unproved as error:
                self._send(call, Disproved(str(error)))
            except QuothError as error:
                self._fail(call, error)
            except Exception as error:  # the parent reports it; the log has the traceback
                traceback.print_exc(file=sys.stderr)
                why = f"{type(error).__name__}: {error}"
                self._fail(call, out_of_memory(why) or QuothError(f"the engine failed: {why}", "a bug"))

    def _fail(self, call: int, error: QuothError) -> None:
        self._send(call, Failure(int(error.exit_code), error.what, error.why, error.try_))

    def _send(self, call: int, answer: Any) -> None:
        frame = wire.encode(call, answer)
        with self._writing:
            try:
                while frame:
                    frame = frame[self._out.write(frame) :]
            except OSError:
                os._exit(0)


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
