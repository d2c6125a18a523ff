"""The worker process: started when it is wanted, heard while it runs, and known to be gone when it is."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from quoth.engine import wire
from quoth.engine.client.worker_exit import Death, last_line, size_of
from quoth.errors import EngineError
from quoth.spawn import spawn

Message = dict[str, Any]


class WorkerProcess:
    """One worker at a time. A thread, alive as long as this object, spawns, respawns and reads.

    The kernel ends a worker when the thread that started it ends (Linux).
    """

    def __init__(
        self,
        hear: Callable[[Message], None],
        ended: Callable[[Death], None],
        *,
        log: Path | None,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """`hear` gets each message, `ended` how a worker ended, both in the thread. `process` was started before."""
        self._hear = hear
        self._ended = ended
        self._log = log
        self._process = process
        self._log_start = size_of(log)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._wanted = threading.Event()
        self._up = threading.Event()
        self._down = threading.Event()
        self._closed = False
        self._ended_for = ""
        self._spawn_error: OSError | None = None
        self._thread = threading.Thread(target=self._live, name="engine client", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Have a worker: the one that runs, else a new one. Raises EngineError."""
        if not self._up.is_set():
            self._wanted.set()
        self._up.wait()
        if self._spawn_error is not None:
            error, self._spawn_error = self._spawn_error, None
            self._up.clear()
            raise EngineError("the engine cannot be started", str(error), "Free some memory or processes and try again")

    @property
    def pid(self) -> int | None:
        """The worker's process id, None while there is none."""
        with self._lock:
            return self._process.pid if self._process else None

    def send(self, message: Message) -> None:
        """Send a message. Where the worker is gone, `ended` tells who waits for an answer."""
        frame = wire.encode(message)
        with self._lock:
            process = self._process
        try:
            if process is None or process.stdin is None:
                raise BrokenPipeError
            with self._writing:
                while frame:
                    frame = frame[process.stdin.write(frame) :]
        except (OSError, ValueError):
            return

    def end(self, why: str) -> None:
        """Kill the worker and wait until that is known."""
        with self._lock:
            process = self._process
            if process is not None:
                self._ended_for = why
                process.kill()
        if threading.current_thread() is not self._thread:
            self._down.wait(timeout=5)

    def ask_where_it_hangs(self) -> None:
        """Have the worker write its threads' stacks to the log."""
        with self._lock:
            if self._process is not None and hasattr(signal, "SIGUSR1"):
                self._process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)

    def close(self) -> None:
        """End the worker; a computation that still runs is of no use to anybody."""
        self._closed = True
        self._wanted.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()
        self._thread.join(timeout=5)

    # The thread

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
                self.end(f"what it sent is no message: {error}")
                message = None
            if message is None:
                stream.close()
                return
            self._hear(message)

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
            self._ended_for = ""
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        self._ended(death)
        self._down.set()
