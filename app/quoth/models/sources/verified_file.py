"""A file that gets its name only when its size and SHA-256 are right. What is there of it survives a kill."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from quoth.errors import StorageError
from quoth.models.sources import network
from quoth.models.sources.partial_download import PartialDownload
from quoth.platform import safe_files
from quoth.platform.file_locks import file_lock

Count = Callable[[int, int | None], None]  # bytes done of a total; None: not known


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a transfer is given. All times in seconds."""

    tries: int = 6
    stall: float = 30.0
    back_off: float = 1.0  # doubled after each failure, up to `longest`
    longest: float = 60.0  # also the most that a Retry-After is waited for


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """A file to fetch: where it goes, what it must be, and what is told of the progress."""

    path: Path
    size: int | None = None
    sha256: str | None = None  # in hex
    progress: Count = lambda done, total: None
    verifying: Count = lambda done, total: None
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def bring(self, source: str, fetch: Callable[[PartialDownload], None]) -> Path:
        """Let `fetch` fill a part, unless the file is here; then check it and give it its name, readable by its owner.

        Raises NetworkError if the part is not the file that was promised: then it was deleted. Raises StorageError if
        the disk refuses: then, and when the process is killed, the part stays and is continued.
        """
        with safe_files.attempt(f"write {self.path}"):
            safe_files.make_folder(self.path.parent)
        with self._part() as part:
            if self._is_here():
                part.discard()
                return self.path
            try:
                fetch(part)
                self._check(part, source)
                part.become(self.path)
            except FileNotFoundError as error:  # another process took the part under a lock that both were granted
                if not self._is_here():
                    why = "it was removed in the meantime"
                    raise StorageError(f"{part.path} is gone", why, "Run the same command again") from error
        return self.path

    @contextmanager
    def _part(self) -> Iterator[PartialDownload]:
        """The shared part once no other process writes it, else one for this process alone, which is not kept."""
        path = self.path.with_name((self.sha256 or self.path.name) + ".part")
        shared = PartialDownload(path)
        with file_lock(
            path.with_name(path.name + ".lock"),
            seen=shared.size,
            waiting=lambda done: self.progress(done, self.size),
            timeout=2 * self.retry.stall,
        ) as locked:
            if locked:
                yield shared
                return
            own = PartialDownload(path.with_name(f"{path.stem}.{os.getpid()}-{threading.get_ident()}.part"))
            try:
                yield own
            finally:
                own.discard()

    def _is_here(self) -> bool:
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return False
        return self.size in (None, size) and self.sha256 in (None, self._hash(self.path))

    def _check(self, part: PartialDownload, source: str) -> None:
        size = part.size()
        if self.size not in (None, size):
            part.discard()
            raise network.wrong_file(source, f"{size} bytes instead of {self.size}")
        if self.sha256 not in (None, digest := self._hash(part.path)):
            part.discard()
            raise network.wrong_file(source, f"its sha256 is {digest[:12]}... instead of {str(self.sha256)[:12]}...")

    def _hash(self, path: Path) -> str:
        """The SHA-256; nothing where none was promised: the file is not read then."""
        return hash_file(path, self.verifying) if self.sha256 else ""


def hash_file(path: Path, progress: Count) -> str:
    """The SHA-256 of a file in hex. Raises StorageError."""
    with safe_files.attempt(f"read {path}"):
        return safe_files.digest(path, progress)
