"""What a worker process gives up: a life beyond its parent's, memory that others need, large files."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import resource


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when its parent ends (Linux); end of file does it elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
        if os.getppid() != parent:
            os._exit(0)


def offer_to_oom_killer() -> None:
    """When memory runs out, the kernel should end the worker and not the terminal above it."""
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def limit_files(most: int) -> None:
    """No core dumps, and no file larger than `most` bytes: the worker writes nothing but its log."""
    if sys.platform == "win32":
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # Python ignores SIGXFSZ: a write fails instead
