"""Start the worker process: cheap to import, so that a command can start one before it knows anything else."""

from __future__ import annotations

import os
import subprocess
import sys

# -I alone would lose PYTHONPATH and user installs, -S alone the site directories: the parent's path has them all.
BOOT = "import sys; sys.path[:] = sys.argv[2:]; from quoth.engine.worker import main; main(int(sys.argv[1]))"

# Threads that wait for the next step of a computation sleep instead of spinning: where other programs want the cores
# too, spinning costs 5 to 8 times the speed (measured: 4.7 against 30 tokens/s at a load of 6 on two cores).
WORKER_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}


def spawn() -> subprocess.Popen[bytes]:
    """Start a worker; frames travel over its stdin and stdout, and its stderr goes nowhere until it is told the log.

    The kernel ends the worker when the thread that called this ends (Linux), so call it from one that lives as long
    as the client.
    """
    path = [entry for entry in sys.path if entry and entry != _working_directory()]
    environment = {**WORKER_ENVIRONMENT, **os.environ, "GGML_NO_BACKTRACE": "1"}  # ggml would start gdb on itself
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", BOOT, str(os.getpid()), *path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        bufsize=0,
        process_group=None if sys.platform == "win32" else 0,  # Ctrl-C is for the parent alone
    )


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return ""
