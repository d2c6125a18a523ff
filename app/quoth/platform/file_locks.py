"""One writer at a time, where the file system keeps its promises; nothing else may depend on it.

Some network file systems grant a lock twice or not at all, and a holder may hang for ever. So a lock is waited for only
while its holder makes progress, and what is done without it must be harmless.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, seen: Callable[[], int], waiting: Callable[[int], None], timeout: float) -> Iterator[bool]:
    """Hold a lock file, waiting for its holder as long as `seen()` changes at least every `timeout` seconds.

    Yields whether it is held. `waiting` is called with each new value of `seen()`. The last holder removes the file.
    """
    from filelock import FileLock, Timeout  # 20 ms, and only a pull needs it

    lock = FileLock(path, mode=0o600)
    last, since = -1, time.monotonic()
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if (now := seen()) != last:
                last, since = now, time.monotonic()
                waiting(now)
            if time.monotonic() - since > timeout:
                break
            time.sleep(min(0.5, timeout / 20))
        except (OSError, NotImplementedError):  # a file system without locks
            break
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows does not remove an open file: there it stays, empty
                os.unlink(path)
            lock.release()
