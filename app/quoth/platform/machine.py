"""What differs by platform: parent death, limits, the sandbox, free memory, processors."""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from quoth.platform import cgroups

LINUX = sys.platform.startswith("linux")
SLOWEST_DISK = 20e6  # bytes of a file that one native call reads in a second


def physical_cores() -> int:
    """Cores without their hyper-threads that this process may use, at least 1."""
    allowed = _allowed_cpus()
    cores = _linux_cores(allowed) if LINUX else _macos_cores() if sys.platform == "darwin" else 0
    if not cores:
        cores = max(1, len(allowed) // 2) if len(allowed) > 2 else len(allowed)
    return max(1, min(cores, math.ceil(cgroups.processors() or cores)))


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _linux_cores(allowed: set[int]) -> int:
    siblings = set()
    for cpu in allowed:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            return 0
    return len(siblings)


def _macos_cores() -> int:
    """The performance cores; the efficiency cores would hold the others back at every barrier."""
    libc = ctypes.CDLL(None)
    for name in (b"hw.perflevel0.physicalcpu", b"hw.physicalcpu"):
        value, size = ctypes.c_int(0), ctypes.c_size_t(4)
        if libc.sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, 0) == 0:
            return value.value
    return 0


def busy_seconds() -> float:
    """What the processors that this process may use have computed so far, for whatever program; 0 if not known.

    From the first line of /proc/stat (proc_stat(5)): user, nice, system, irq and softirq; an even spread is assumed.
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:]]
        ticks = sum(fields[:3]) + sum(fields[5:7])
    except (OSError, ValueError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") * len(_allowed_cpus()) / (os.cpu_count() or 1)


def address_space() -> int:
    """Bytes of address space that this process is limited to (ulimit -v); 0 where there is no limit."""
    if sys.platform == "win32":
        return 0
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return 0 if limit == resource.RLIM_INFINITY else limit


def free_memory() -> int:
    """Bytes of main memory that can be had without swapping, at least 1; 0 where the platform does not say.

    The least of what the machine has, what control groups leave, and what ulimit leaves (-v and -d). Pages of files
    count as free, those of a model that is mapped too: they can be read again.
    """
    if LINUX:
        known = [*_linux_free()]
        return max(1, min(known)) if known else 0
    if sys.platform == "darwin":
        return _sysctl_u64(b"hw.memsize") // 2
    return _windows_free()


def private_bytes() -> int:
    """Bytes of memory that this process has of its own, and of no file; 0 where the platform does not say."""
    if not LINUX:
        return 0
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
    import resource

    process = _statm()
    with suppress(OSError, ValueError), open("/proc/meminfo", encoding="ascii") as lines:
        yield from (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    if (left := cgroups.memory_left()) is not None:
        yield left
    for which, used in ((resource.RLIMIT_AS, process[0]), (resource.RLIMIT_DATA, process[5])):
        limit, _ = resource.getrlimit(which)
        if limit != resource.RLIM_INFINITY:
            yield limit - used


def _sysctl_u64(name: bytes) -> int:
    value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
    ok = ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, 0) == 0
    return value.value if ok else 0


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


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when its parent ends (Linux); end of file does it elsewhere."""
    if LINUX:
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
        if os.getppid() != parent:
            os._exit(0)


def offer_to_oom_killer() -> None:
    """When memory runs out, the kernel should end the worker and not the terminal above it."""
    if LINUX:
        try:
            Path("/proc/self/oom_score_adj").write_text("1000")
        except OSError:
            return


def limit_files(most: int) -> None:
    """No core dumps, and no file larger than `most` bytes: the worker writes nothing but its log."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # Python ignores SIGXFSZ: a write fails instead
