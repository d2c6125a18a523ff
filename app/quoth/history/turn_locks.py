"""Which process has a turn open: each one that writes a turn holds a lock on a small file.

The system releases a lock when its process ends, however it ends. Where locks do nothing (some network file systems) a
running writer's turn is shown as interrupted until the writer ends it: nothing is lost.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class TurnWriter:
    """The mark of this process on the turns that it has open."""

    def __init__(self, database: Path | None) -> None:
        self.name = os.urandom(8).hex()
        self._database = database
        self._descriptor: int | None = None

    def hold(self) -> str:
        """Take the lock, once; returns the name. Raises OSError if its file cannot be made."""
        if self._database is not None and self._descriptor is None:
            self._descriptor = _locked(_file(self._database, self.name))
        return self.name

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and self._database is not None:
            os.close(descriptor)
            _file(self._database, self.name).unlink(missing_ok=True)


def is_running(database: Path, name: str) -> bool:
    """Whether the writer of that name still runs. The lock file of one that is gone is removed."""
    path = _file(database, name)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not known; an open turn is not taken from its writer
    try:
        gone = _lock(descriptor)
    finally:
        os.close(descriptor)
    if gone:
        path.unlink(missing_ok=True)
    return not gone


def remove_stale_locks(database: Path) -> None:
    """Remove the lock files of writers that were killed while they had no turn open."""
    start = f"{database.name}.writer-"
    with suppress(OSError), os.scandir(database.parent) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(start)]:
            is_running(database, name.removeprefix(start))


def _locked(path: Path) -> int:
    """A new file with its lock taken; another process may remove it just before."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if _lock(descriptor) and path.exists():
            return descriptor
        os.close(descriptor)


def _file(database: Path, name: str) -> Path:
    return database.with_name(f"{database.name}.writer-{name}")


def _lock(descriptor: int) -> bool:
    """Take the lock of a file without waiting; False if another has it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
