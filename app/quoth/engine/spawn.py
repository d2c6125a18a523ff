"""Start the worker process: cheap to import, so that a command can start one before it knows anything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

LOG_LIMIT = 1024 * 1024  # bytes; a longer log starts again

# -I alone would lose PYTHONPATH and user installs, -S alone the site directories: the parent's path has them all.
BOOT = "import sys; sys.path[:] = sys.argv[2:]; from quoth.engine.worker import main; main(int(sys.argv[1]))"


def spawn(log: Path | None) -> subprocess.Popen[bytes]:
    """Start a worker; frames travel over its stdin and stdout, its stderr goes to the log.

    The kernel ends the worker when the thread that called this ends (Linux), so call it from one that lives as long
    as the client.
    """
    path = [entry for entry in sys.path if entry and entry != os.getcwd()]
    environment = {**os.environ, "GGML_NO_BACKTRACE": "1"}  # ggml would start gdb on its own process
    stderr = _open_log(log)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT, str(os.getpid()), *path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr if stderr is not None else subprocess.DEVNULL,
            env=environment,
            bufsize=0,
            **({} if sys.platform == "win32" else {"process_group": 0}),  # Ctrl-C is for the parent alone
        )
    finally:
        if stderr is not None:
            stderr.close()


def _open_log(log: Path | None) -> IO[bytes] | None:
    """The log to append to, private and capped; None where it cannot be written."""
    if log is None:
        return None
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(descriptor).st_size > LOG_LIMIT:
            os.ftruncate(descriptor, 0)
        return os.fdopen(descriptor, "ab", buffering=0)
    except OSError:
        return None
