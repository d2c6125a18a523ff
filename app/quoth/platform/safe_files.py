"""Files written whole or not at all, and read within bounds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from quoth.errors import StorageError

Progress = Callable[[int, int], None]  # bytes done, bytes in all

_MOST_BYTES: Final = 1 << 20  # of a file of records
_MOST_TEXT: Final = 8 << 20  # of a template, a grammar or a schema
_CHUNK: Final = 1 << 20
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@contextmanager
def attempt(what: str) -> Iterator[None]:
    """Turn what goes wrong with files into a StorageError: cannot WHAT."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        try_ = "Check the free space and the permissions of that folder"
        if isinstance(error, NotADirectoryError):
            try_ = "A part of that path is a file: set QUOTH_HOME to a folder"
        raise StorageError(f"cannot {what}", why, try_) from None


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can use."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write(path: Path, data: bytes) -> None:
    """Replace a file by a whole one, or leave it as it is."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, _NEW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def move(path: Path, target: Path, *, replace: bool) -> None:
    """Give a file another name on the same disk. Raises StorageError if that is taken, unless it may be replaced.

    Looking first would not do: another program may write the target before the move.
    """
    if not replace:
        try:
            os.link(path, target)
        except OSError:  # the name is taken, or a file system without hard links
            if os.path.lexists(target):
                raise StorageError(f"{target} exists", "", "Give another name, or --force to replace it") from None
        else:
            os.unlink(path)
            return
    os.replace(path, target)


def flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Make a rename survive a power cut; Windows has no such call for folders."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_small(path: Path) -> bytes | None:
    """A small file's content; None if it is absent, unreadable or absurdly large."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        return path.read_bytes()
    except OSError:
        return None


def read_text(path: Path) -> str:
    """A text file that a setting names. Raises OSError, and ValueError if it is too long or not UTF-8."""
    with path.open("rb") as file:
        data = file.read(_MOST_TEXT + 1)
    if len(data) > _MOST_TEXT:
        raise ValueError(f"it is longer than {_MOST_TEXT:,} bytes")
    return data.decode("utf-8")


def read_object(path: Path) -> dict[str, Any] | None:
    """A small file's JSON object; None if it is anything else."""
    import json  # not needed by `quoth --help`, which loads this module

    try:
        value = json.loads(read_small(path) or b"")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def copy(source: Path, target: Path) -> str:
    """Copy a file and return its SHA-256; a failed copy is removed."""
    try:
        with open(os.open(target, _NEW, 0o600), "wb") as writer:
            return digest(source, also=writer.write)
    except OSError:
        target.unlink(missing_ok=True)
        raise


def digest(
    path: Path, progress: Progress = lambda done, total: None, *, also: Callable[[bytes], object] = lambda chunk: None
) -> str:
    """The SHA-256 of a file, in hex. `also` gets each chunk that was read."""
    import hashlib  # 3 ms, and no answer needs it

    hashed, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
            also(chunk)
            done += len(chunk)
            progress(done, total)
    return hashed.hexdigest()
