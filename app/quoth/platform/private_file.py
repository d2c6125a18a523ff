"""The file of the history on the disk: its owner's alone, a plain file, and set aside when it is no database."""

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

    Raises Unusable for what is no plain file of this user, OSError for what cannot be made.
    """
    found = look(path)
    if found is None:
        path.parent.mkdir(mode=FOLDER, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE))
        except FileExistsError:  # another process was first
            found = look(path)
    _tighten(path, FILE)
    with suppress(PermissionError):  # a folder of somebody else; the file is private anyway
        _tighten(path.parent, FOLDER)
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def look(path: Path) -> os.stat_result | None:
    """The file's state, None if there is none. Raises Unusable for what is no plain file of this user."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kinds = ((stat.S_ISLNK, "a link"), (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"))
        kind = next((name for test, name in kinds if test(found.st_mode)), "no plain file")
        raise Unusable(f"{path} is {kind}")
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        raise Unusable(f"{path} belongs to another user")
    return found


def _tighten(path: Path, mode: int) -> None:
    """Take away what others may do with something of ours; the umask may have taken too much of our own."""
    if os.name == "nt":
        return
    now = stat.S_IMODE(path.stat().st_mode)
    if now & 0o077 or (now & 0o200 and mode & ~now):
        path.chmod(mode)
