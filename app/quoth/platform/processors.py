"""How many processors a model may use here, and how busy they are."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from quoth.platform import cgroups
from quoth.platform.sysctl import sysctl


def physical_cores() -> int:
    """Cores without their hyper-threads that this process may use, at least 1."""
    allowed = _allowed_cpus()
    if sys.platform == "linux":
        cores = _linux_cores(allowed)
    elif sys.platform == "darwin":  # efficiency cores would hold the others back at every barrier
        cores = sysctl("hw.perflevel0.physicalcpu") or sysctl("hw.physicalcpu")
    else:
        cores = 0
    if not cores:
        cores = max(1, len(allowed) // 2) if len(allowed) > 2 else len(allowed)
    return max(1, min(cores, math.ceil(cgroups.processors() or cores)))


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _linux_cores(allowed: set[int]) -> int:
    topology = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        return len({Path(topology.format(cpu)).read_text() for cpu in allowed})
    except OSError:
        return 0


def busy_seconds() -> float:
    """What the processors that this process may use have computed so far, for any program; 0 if not known.

    From the first line of /proc/stat (proc_stat(5)): user, nice, system, irq and softirq; an even spread is assumed.
    """
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(field) for field in file.readline().split()[1:]]
        ticks = sum(fields[:3]) + sum(fields[5:7])
    except (OSError, ValueError):
        return 0.0
    return ticks / os.sysconf("SC_CLK_TCK") * len(_allowed_cpus()) / (os.cpu_count() or 1)
