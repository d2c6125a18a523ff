"""Start a worker process: cheap to import, so that a command can start one before it knows anything else."""

from __future__ import annotations

import os
import subprocess
import sys

# -I alone would lose PYTHONPATH and user installs, -S alone the site directories: the parent's path has them all.
BOOT = "import sys; sys.path[:] = sys.argv[2:]; from quoth.engine.worker.program import main; main(int(sys.argv[1]))"

# How often a thread that waits for the next step of a computation looks for it before it sleeps (libgomp; by default
# 300,000 times). Writing speed against that, 135M parameters, two idle cores, in turn: 0.997 with 30,000 and 0.92
# with 2,000; to sleep at once (OMP_WAIT_POLICY=passive) gives 0.25. Beside busy programs all of this is slow, and
# engine/worker/threads.py takes fewer threads. The checks on a conversion take all: they spin less, which beside six
# busy programs on two cores was four times as fast.
SPINS = 30_000
FEW_SPINS = 2_000


def spawn(spins: int = SPINS) -> subprocess.Popen[bytes]:
    """Start a worker; frames travel over its stdin and stdout, and its stderr goes nowhere until it gets a Log.

    The kernel ends the worker when the thread that called this ends (Linux), so call it from one that lives as long
    as the worker is needed.
    """
    path = [entry for entry in sys.path if entry and entry != _working_directory()]
    environment = {"GOMP_SPINCOUNT": str(spins), **os.environ, "GGML_NO_BACKTRACE": "1"}  # ggml would start gdb
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
