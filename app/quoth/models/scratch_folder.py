"""A folder for files that are not finished yet, removed even after a program that was killed."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import BaseFileLock, FileLock

from quoth.platform import safe_files

_SUFFIX: Final = ".part"
_NEW_SECONDS: Final = 60  # a younger folder may not be locked yet


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """A new folder on the disk of `target`, removed at the end with everything in it.

    Folders that killed programs left there for the same target are removed too: their locks are free.
    """
    for folder in _abandoned(target):
        shutil.rmtree(folder, ignore_errors=True)
    folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_SUFFIX}")
    lock = _lock_of(folder)
    try:
        with safe_files.attempt(f"write to {target.parent}"):
            safe_files.make_folder(folder)
        with suppress(OSError, NotImplementedError):  # without locks an abandoned folder stays
            lock.acquire(timeout=0)
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _abandoned(target: Path) -> Iterator[Path]:
    named = re.compile(rf"\.{re.escape(target.name)}\.\w+{re.escape(_SUFFIX)}")
    for folder in target.parent.glob(f".*{_SUFFIX}"):
        lock = _lock_of(folder)
        file = Path(lock.lock_file)
        with suppress(OSError, NotImplementedError):
            old = time.time() - folder.stat().st_mtime > _NEW_SECONDS
            if named.fullmatch(folder.name) and old and file.is_file() and not file.is_symlink():
                lock.acquire(timeout=0)  # or Timeout, an OSError: another program works there
                lock.release()
                yield folder


def _lock_of(folder: Path) -> BaseFileLock:
    return FileLock(folder / ".lock", mode=0o600)
