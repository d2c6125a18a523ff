"""A database's file on the disk: a regular file that only its owner can read."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

FOLDER, FILE = 0o700, 0o600


class Unusable(Exception):
    """Why a path cannot be used: a sentence."""


def prepare(path: Path) -> bool:
    """Make the folder and the file, or make them private; False if the file can only be read.

    Raises Unusable if it is not a regular file of this user, OSError if it cannot be made.
    """
    found = status(path)
    if found is None:
        path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE))
        except FileExistsError:  # another process was first
            found = status(path)
    _tighten(path, FILE)
    with suppress(PermissionError):  # another user's folder; the file is private anyway
        _tighten(path.parent, FOLDER)
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def status(path: Path) -> os.stat_result | None:
    """The file's status, None if there is none. Raises Unusable if it is not a regular file of this user."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"))
        kind = next((name for test, name in kinds if test(found.st_mode)), "not a regular file")
        raise Unusable(f"{path} is {kind}")
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise Unusable(f"{path} belongs to another user")
    return found


def _tighten(path: Path, mode: int) -> None:
    """Remove the permissions of other users; give back to this one what the umask took."""
    if os.name == "nt":
        return
    now = stat.S_IMODE(path.stat().st_mode)
    if now & 0o077 or (now & 0o200 and mode & ~now):
        path.chmod(mode)
