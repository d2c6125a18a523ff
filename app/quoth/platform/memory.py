"""Memory that is free here, and what this process has of it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from quoth.platform import cgroups
from quoth.platform.sysctl import sysctl

if sys.platform != "win32":
    import resource


def free_memory() -> int:
    """Bytes of main memory that can be had without swapping, at least 1; 0 where the platform does not say.

    The least of what the machine has, what control groups leave, and what ulimit leaves (-v and -d). Pages of files
    count as free, those of a mapped model too: they can be read again.
    """
    if sys.platform == "linux":
        known = [*_linux_free()]
        return max(1, min(known)) if known else 0
    return sysctl("hw.memsize") // 2 if sys.platform == "darwin" else _windows_free()


def address_space() -> int:
    """Bytes of address space that this process is limited to (ulimit -v); 0 where there is no limit."""
    if sys.platform == "win32":
        return 0
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return 0 if limit == resource.RLIM_INFINITY else limit


def private_bytes() -> int:
    """Bytes of memory that belong to this process and to no file; 0 where the platform does not say."""
    process = _statm()
    return process[1] - process[2]


def _statm() -> list[int]:
    """Bytes of this process: address space, in memory, of files, text, 0, data and stack (proc_pid_statm(5))."""
    try:
        pages = Path("/proc/self/statm").read_text().split()
    except OSError:
        return [0] * 7
    return [int(count) * os.sysconf("SC_PAGE_SIZE") for count in pages]


def _linux_free() -> Iterator[int]:
    process = _statm()
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as lines:
        yield from (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    if (left := cgroups.memory_left()) is not None:
        yield left
    for which, used in ((resource.RLIMIT_AS, process[0]), (resource.RLIMIT_DATA, process[5])):
        limit, _ = resource.getrlimit(which)
        if limit != resource.RLIM_INFINITY:
            yield limit - used


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of the Windows API."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


def _windows_free() -> int:
    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return 0
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    return int(status.available) if windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
