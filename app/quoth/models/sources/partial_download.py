"""The part of a download on disk: the bytes so far, and a small record beside them.

`NAME.part` holds the bytes, `NAME.part.json` says where they came from, `NAME.part.lock` is held by the process that
writes them. A process that does not get the lock writes another part; a lock granted twice costs bytes, never a wrong
file, because what is on the disk is hashed before it gets its name.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from quoth.errors import StorageError
from quoth.platform import safe_files
from quoth.text.units import format_size

_FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_OLD = os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes of a part came from.

    `etag` is a strong validator of RFC 9110, or empty; an `encoded` body was unpacked on the way, so that its length
    does not say where to continue.
    """

    url: str
    etag: str
    size: int | None
    encoded: bool = False


class PartialDownload:
    """One unfinished file. Not thread-safe; the caller owns its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record = path.with_name(path.name + ".json")

    def size(self) -> int:
        """Bytes so far; 0 if there is none."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return 0
        if not stat.S_ISREG(found.st_mode):
            raise StorageError(f"{self.path} is in the way", "not a regular file", "Move it away")
        return found.st_size

    def origin(self) -> Origin | None:
        """The record, or None if it is missing or torn: then the bytes cannot be continued."""
        kept = safe_files.read_object(self._record) or {}
        try:
            return Origin(str(kept["url"]), str(kept["etag"]), kept["size"], bool(kept["encoded"]))
        except KeyError:
            return None

    def begin(self, origin: Origin) -> None:
        """Delete what is there and write the record of a new part."""
        self.discard()
        with writing(self.path):
            os.close(os.open(self.path, _NEW, 0o600))
            safe_files.write(self._record, json.dumps(asdict(origin)).encode())

    @contextmanager
    def appending(self) -> Iterator[int]:
        """A file descriptor at the end of the part, for `append`."""
        with writing(self.path):
            fd = os.open(self.path, _OLD)
        try:
            os.lseek(fd, 0, os.SEEK_END)
            yield fd
        finally:
            os.close(fd)

    def append(self, fd: int, data: bytes) -> None:
        """Write all of `data`, or raise StorageError with the part still good for a later run."""
        rest = memoryview(data)
        with writing(self.path):
            while rest:
                rest = rest[os.write(fd, rest) :]

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes."""
        with writing(self.path):
            os.truncate(self.path, size)

    def discard(self) -> None:
        """Remove the part and its record."""
        for path in (self.path, self._record):
            with writing(path), suppress(FileNotFoundError):
                path.unlink()

    def become(self, target: Path) -> None:
        """Give the finished file its name, durably: fsync, rename, fsync the folder."""
        with writing(target):
            safe_files.flush(self.path)
            os.replace(self.path, target)
            safe_files.flush_folder(target.parent)
        with suppress(FileNotFoundError):
            self._record.unlink()


def require_space(folder: Path, needed: int) -> None:
    """Raise StorageError if a folder has no room for `needed` bytes."""
    with writing(folder):
        free = shutil.disk_usage(folder).free
    if needed > free:
        what, why = f"the disk is too full for {format_size(needed)} more", f"{format_size(free)} free in {folder}"
        raise StorageError(what, why, "Free some space, or pull a smaller model")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into StorageError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _FULL:
            what = f"the disk is full: {path.name} is not complete"
            try_ = "Free some space and run the same command again: a pull continues where it stopped"
            raise StorageError(what, why, try_) from error
        raise StorageError(f"cannot write {path}", why, "Check its permissions") from error
