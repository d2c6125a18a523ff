"""What Linux's control groups, version 1 and 2, leave to this process: memory and processors.

A process is in one group of each hierarchy, and every group above has limits too: those of a service, a container or a
user's slice. Only a part of the tree may be mounted, as in a container (cgroup_namespaces(7)).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path("/")
UNLIMITED = 1 << 60  # bytes; version 1 writes a number near 2^63 where there is no limit


class Group(NamedTuple):
    """The folder of a control group that this process is in, or of one above it."""

    version: int
    folder: Path


@lru_cache
def groups(controller: str, root: Path = ROOT) -> tuple[Group, ...]:
    """The groups that limit a controller ("memory", "cpu"), the innermost first. `root` is for tests."""
    return tuple(_groups(controller, root))


def _groups(controller: str, root: Path) -> Iterator[Group]:
    paths = _own_paths(root)
    for version, mounted, point in _mounts(controller, root):
        path = paths.get("" if version == 2 else controller)
        if path is None:
            continue
        inside = path.removeprefix(mounted) if PurePosixPath(path).is_relative_to(mounted) else "/"
        top = root / point.lstrip("/")
        folder = top / inside.lstrip("/")
        yield Group(version, folder)
        yield from (Group(version, above) for above in folder.parents if above.is_relative_to(top))


def _own_paths(root: Path) -> dict[str, str]:
    """The path in each hierarchy, by controller; that of version 2 under "" (cgroups(7), /proc/PID/cgroup)."""
    paths = {}
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for controller in controllers.split(","):
            paths[controller] = path or "/"
    return paths


def _mounts(controller: str, root: Path) -> Iterator[tuple[int, str, str]]:
    """Version, root within the hierarchy, and mount point of what has a controller (proc_pid_mountinfo(5))."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), [*after.split(" ", 2), "", ""][:3]
        if len(fields) < 5:
            continue
        mounted, point = (_unescaped(field) for field in fields[3:5])
        if kind == "cgroup2":
            yield 2, mounted, point
        elif kind == "cgroup" and controller in options.split(","):
            yield 1, mounted, point


def _unescaped(field: str) -> str:
    """Space, tab, newline and backslash are written as octal numbers."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def memory_left(root: Path = ROOT) -> int | None:
    """Bytes that may still be used before a limit is met, not counting cached files; None without a limit."""
    left = [each for group in groups("memory", root) if (each := _memory_left(group)) is not None]
    return max(0, min(left)) if left else None


def _memory_left(group: Group) -> int | None:
    folder = group.folder
    if group.version == 2:
        limits = [_number(folder / name) for name in ("memory.max", "memory.high")]
        used, cache = _number(folder / "memory.current"), ("inactive_file", "active_file")
    else:
        limits = [_number(folder / "memory.limit_in_bytes")]
        used, cache = _number(folder / "memory.usage_in_bytes"), ("total_inactive_file", "total_active_file")
    known = [limit for limit in limits if limit is not None and limit < UNLIMITED]
    if not known or used is None:
        return None
    fields = (line.partition(" ") for line in _text(folder / "memory.stat").splitlines())
    files = sum(int(value) for name, _, value in fields if name in cache and value.isdecimal())
    return min(known) - used + files


def processors(root: Path = ROOT) -> float | None:
    """How many processors this process may keep busy; None without a limit."""
    shares = [share for group in groups("cpu", root) if (share := _share(group)) is not None]
    return min(shares) if shares else None


def _share(group: Group) -> float | None:
    if group.version == 2:
        quota, _, period = _text(group.folder / "cpu.max").partition(" ")
    else:
        quota, period = (_text(group.folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", and what is not there
        return None
    return share if share > 0 else None  # -1: none in version 1


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None  # not "max"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
