"""Our own transfer: it resumes after a kill and gives a file its name only when size and sha256 are right."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from quoth.errors import StorageError
from quoth.models.sources.http_transfer import Again, Count, RetryPolicy, Transfer, wrong_file
from quoth.models.sources.partial_download import PartialDownload
from quoth.platform import safe_files
from quoth.platform.file_locks import held

_PROGRESS = 1 << 20  # an attempt that brought this much gives back all tries


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    headers: Mapping[str, str] | None = None,
    progress: Count = lambda done, total: None,
    verifying: Count = lambda done, total: None,
    patience: RetryPolicy | None = None,
) -> Path:
    """Fetch `url` into `target` (mode 0600, its folder 0700), going on from what an earlier run left.

    `headers` go to the first host only. Raises NetworkError if the file cannot be had as promised, StorageError if the
    disk refuses; in the second case, and when the process is killed, the part stays and is continued.
    """
    with safe_files.attempt(f"write {target}"):
        safe_files.make_folder(target.parent)
    patience = patience or RetryPolicy()
    transfer = Transfer(url, size, sha256 is not None, dict(headers or {}), progress, patience)
    with own_part(target.with_name((sha256 or target.name) + ".part"), size, progress, patience) as part:
        if is_right(target, size, sha256, verifying):
            part.discard()
            return target
        try:
            _fetch(transfer, part, patience)
            check(part, url, size, sha256, verifying)
            part.become(target)
        except FileNotFoundError as error:  # another process took the part under a lock that both were granted
            if not is_right(target, size, sha256, verifying):
                raise StorageError(f"{part.path} is gone", "removed meanwhile", "Run the same command again") from error
    return target


@contextmanager
def own_part(path: Path, size: int | None, progress: Count, patience: RetryPolicy) -> Iterator[PartialDownload]:
    """The shared part once nobody writes it, else a part of our own, which is not kept."""
    shared = PartialDownload(path)
    lock = path.with_name(path.name + ".lock")
    with held(lock, seen=shared.size, waiting=lambda done: progress(done, size), patience=2 * patience.stall) as ours:
        if ours:
            yield shared
            return
        own = PartialDownload(path.with_name(f"{path.stem}.{os.getpid()}-{threading.get_ident()}.part"))
        try:
            yield own
        finally:
            own.discard()


def _fetch(transfer: Transfer, part: PartialDownload, patience: RetryPolicy) -> None:
    """Run attempts until the part is complete; an attempt that got somewhere gives back all tries."""
    failures = 0
    while True:
        before = part.size()
        try:
            return transfer.attempt(part)
        except Again as again:
            failures = 1 if part.size() - before >= _PROGRESS else failures + 1
            if failures >= patience.tries or (again.wait or 0) > patience.longest:
                raise again.error from again.__cause__
            delay = min(patience.back_off * 2 ** (failures - 1), patience.longest)
            time.sleep(max(delay, again.wait or 0))


def check(part: PartialDownload, url: str, size: int | None, sha256: str | None, verifying: Count) -> None:
    """Delete a part that is not the file that was promised, and say so."""
    found = part.size()
    if size is not None and found != size:
        part.discard()
        raise wrong_file(url, f"{found} bytes instead of {size}")
    if sha256 is None:
        return
    digest = hash_file(part.path, verifying)
    if digest != sha256.lower():
        part.discard()
        raise wrong_file(url, f"its sha256 is {digest[:12]}... instead of {sha256[:12]}...")


def is_right(path: Path, size: int | None, sha256: str | None, verifying: Count) -> bool:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return False
    if size is not None and found != size:
        return False
    return sha256 is None or hash_file(path, verifying) == sha256.lower()


def hash_file(path: Path, progress: Count = lambda done, total: None) -> str:
    """The sha256 of a file in hex."""
    with safe_files.attempt(f"read {path}"):
        return safe_files.digest(path, progress)
