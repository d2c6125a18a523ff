"""How a worker ended, and the sentence that says so."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NamedTuple

from quoth.engine.out_of_memory import shortage
from quoth.errors import EngineError, ModelError, QuothError

STOPPED = "it did not stop in time"
# Signals by which a program ends itself.
_CRASHES = {
    int(getattr(signal, name))
    for name in ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")
    if hasattr(signal, name)
}
TAIL = 4096  # bytes of the log in which its last line is looked for


class Death(NamedTuple):
    """What a call gets when the worker is gone."""

    returncode: int
    last_line: str  # of the log, "" where the worker wrote none
    ended_for: str = ""  # why the client ended it, "" where it did not

    @property
    def is_of_the_way(self) -> bool:
        """Whether it says something of the way in which was computed: a crash, a hang or nonsense.

        Not where somebody killed the worker, nor the kernel for want of memory.
        """
        if self.ended_for:
            return self.ended_for != STOPPED
        crashed = self.returncode > 0 or -self.returncode in _CRASHES
        return crashed and shortage(self.last_line) is None

    @property
    def how(self) -> str:
        """Why the client ended it, else the signal or the exit code."""
        if self.ended_for:
            return self.ended_for
        if self.returncode >= 0:
            return f"exit code {self.returncode}"
        try:
            return f"signal {signal.Signals(-self.returncode).name}"
        except ValueError:
            return f"signal {-self.returncode}"

    def error(self, log: Path | None, loading: Path | None = None) -> QuothError:
        """The error of a call that waited. `loading` is the file that was being loaded."""
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
        if short := shortage(why):
            return short
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
    """The last line of a log that was written at or after an offset; of a log that started again, the last one."""
    if log is None:
        return ""
    try:
        with log.open("rb") as file:
            size = size_of(log)
            begin = start if start <= size else 0
            file.seek(max(begin, size - TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    written = [line.strip() for line in lines if line.strip()]
    return written[-1].rsplit("/vendor/llama.cpp/", 1)[-1][:300] if written else ""  # not where it was compiled
