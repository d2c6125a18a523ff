"""How a worker ended, and the sentence that says so."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NamedTuple

from quoth.errors import EngineError, ModelError, QuothError
from quoth.workers.native_errors import out_of_memory

STOPPED = "it did not stop in time"  # why a worker was ended that ignored a stop
# Signals by which a program ends itself.
_CRASHES = {
    int(getattr(signal, name))
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
    if hasattr(signal, name)
}
TAIL = 4096  # bytes of the log in which its last line is looked for


class WorkerExit(NamedTuple):
    """How a worker ended."""

    returncode: int
    last_line: str  # of the log, "" where the worker wrote none
    ended_for: str = ""  # why the parent ended it, "" where it did not

    @property
    def blames_computing(self) -> bool:
        """Whether the way of computing is to blame: a crash, a hang or nonsense.

        It is not where the worker was killed from outside, nor where memory ran out.
        """
        if self.ended_for:
            return self.ended_for != STOPPED
        crashed = self.returncode > 0 or -self.returncode in _CRASHES
        return crashed and out_of_memory(self.last_line) is None

    @property
    def how(self) -> str:
        """Why the parent ended it, else the signal or the exit code."""
        if self.ended_for:
            return self.ended_for
        if self.returncode >= 0:
            return f"exit code {self.returncode}"
        try:
            return f"signal {signal.Signals(-self.returncode).name}"
        except ValueError:
            return f"signal {-self.returncode}"

    def error(self, log: Path | None, loading: Path | None = None) -> QuothError:
        """The error of a call that waited; `loading` is the file that it was loading."""
        again = f"Try again; the log is {log}" if log else "Try again"
        if self.ended_for:
            return EngineError("the engine was ended", self.ended_for, again)
        if self.returncode == -9:
            why = f"{self.how}; out of memory, most likely"
            return EngineError("the engine was killed", why, "Pass a smaller --ctx or a smaller model")
        if self.returncode == -4:
            what = "the engine uses instructions that this processor lacks"
            return EngineError(what, self.how, 'Run "quoth doctor": it has the line that compiles it for this one')
        why = f"{self.how}: {self.last_line}" if self.last_line else self.how
        if error := out_of_memory(why):
            return error
        if loading is not None:
            return ModelError(f"{loading.name} makes the engine fail", why, "Choose another model")
        return EngineError("the engine died", why, again)


def size_of(file: Path | None) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return file.stat().st_size if file else 0
    except OSError:
        return 0


def last_line(log: Path | None, start: int) -> str:
    """The last line that was written to a log at or after an offset; of a log that started again, the last one."""
    if log is None:
        return ""
    try:
        with log.open("rb") as file:
            size = size_of(log)
            file.seek(max(start if start <= size else 0, size - TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    written = [line.strip() for line in lines if line.strip()]
    return written[-1].rsplit("/vendor/llama.cpp/", 1)[-1][:300] if written else ""  # not where it was compiled
