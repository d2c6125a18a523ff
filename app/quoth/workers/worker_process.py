"""A worker process from its start to its end."""

from __future__ import annotations

import io
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from quoth.errors import EngineError
from quoth.workers import wire
from quoth.workers.protocol import Log
from quoth.workers.spawn import SPINS, spawn
from quoth.workers.worker_exit import WorkerExit, last_line, size_of


class WorkerProcess:
    """One process, and the thread that starts it, reads from it and reaps it.

    The thread lives as long as the process: when a thread ends, the kernel ends the workers that it started (Linux).
    """

    def __init__(
        self,
        hear: Callable[[int, Any], None],
        ended: Callable[[WorkerExit], None],
        known: wire.Records,
        *,
        log: Path | None = None,
        process: subprocess.Popen[bytes] | None = None,
        spins: int = SPINS,
    ) -> None:
        """`hear` gets each call and message, `ended` how the worker ended, both in the thread.

        `known` are the records that it may send. `process` is a worker that was started before, `spins` as for spawn.
        """
        self._hear = hear
        self._ended = ended
        self._known = known
        self._log = log
        self._process = process
        self._spins = spins
        self._ended_for = ""
        self._spawn_error: OSError | None = None
        self._started = threading.Event()
        self._writing = threading.Lock()  # a frame goes whole, whichever threads send at once
        self._thread = threading.Thread(target=self._live, name="worker", daemon=True)

    def start(self) -> None:
        """Have the process run. Raises EngineError."""
        self._thread.start()
        self._started.wait()
        if self._spawn_error is not None:
            why = str(self._spawn_error)
            raise EngineError("the engine cannot be started", why, "Free some memory or processes and try again")
        if self._log is not None:
            self.send(0, Log(self._log))

    @property
    def pid(self) -> int | None:
        """The process id, None before the start and after the end."""
        return self._process.pid if self._process else None

    def send(self, call: int, message: Any) -> None:
        """Send a message; it is lost where the worker has ended, which `ended` reports."""
        frame = wire.encode(call, message)
        process = self._process
        if process is None or process.stdin is None:
            return
        try:
            with self._writing:
                while frame:
                    frame = frame[process.stdin.write(frame) :]
        except (OSError, ValueError):
            return

    def end(self, why: str = "") -> None:
        """Kill the process and wait until that is known."""
        if (process := self._process) is not None:
            self._ended_for = why
            process.kill()
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join(timeout=5)

    def log_stacks(self) -> None:
        """Have the worker write its threads' stacks to the log, which shows where it hangs."""
        if self._process is not None and hasattr(signal, "SIGUSR1"):
            self._process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)

    # The thread

    def _live(self) -> None:
        log_start = size_of(self._log)
        try:
            process = self._process = self._process or spawn(self._spins)
        except OSError as error:
            self._spawn_error = error
            return
        finally:
            self._started.set()
        self._read(process)
        self._reap(process, log_start)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        stream = io.BufferedReader(cast(io.RawIOBase, process.stdout), 64 * 1024)
        while True:
            try:
                frame = wire.read(cast(Any, stream), self._known)
            except (wire.BrokenFrame, OSError, ValueError) as error:
                self.end(f"what it sent is not a message: {error}")
                frame = None
            if frame is None:
                stream.close()
                return
            self._hear(*frame)

    def _reap(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        try:
            returncode = process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            returncode = process.wait()
        self._process = None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self._ended(WorkerExit(returncode, last_line(self._log, log_start), self._ended_for))
