"""Our own transfer: it resumes after a kill and gives a file its name only when size and sha256 are right.

Ranges, If-Range and their answers are those of RFC 9110, parts 13 and 14.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.errors import NetworkError, StorageError
from quoth.models import network
from quoth.models.part import Origin, Part, disk, require_space

if TYPE_CHECKING:
    from filelock import FileLock

Count = Callable[[int, int | None], None]
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_SLOWEST = 100  # bytes a second; below it a transfer counts as stalled
_PROGRESS = 1 << 20  # an attempt that brought this much gives back all tries
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a transfer is given. All times in seconds."""

    tries: int = 6
    stall: float = 30.0
    back_off: float = 1.0  # doubled after each failure, up to `longest`
    longest: float = 60.0  # also the most that a Retry-After is waited for


class _Again(Exception):
    """The attempt failed in a way that a later one may not. `wait` is what the server asked for."""

    def __init__(self, error: NetworkError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    headers: Mapping[str, str] | None = None,
    progress: Count = lambda done, total: None,
    verifying: Count = lambda done, total: None,
    patience: Patience | None = None,
) -> Path:
    """Fetch `url` into `target` (mode 0600, its folder 0700), going on from what an earlier run left.

    `headers` go to the first host only. Raises NetworkError if the file cannot be had as promised, StorageError if the
    disk refuses; in the second case, and when the process is killed, the part stays and is continued.
    """
    with disk(target.parent):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    patience = patience or Patience()
    transfer = _Transfer(url, size, sha256 is not None, dict(headers or {}), progress, patience)
    with _own_part(target.with_name((sha256 or target.name) + ".part"), size, progress, patience) as part:
        if _is_right(target, size, sha256, verifying):
            part.discard()
            return target
        try:
            _fetch(transfer, part, patience)
            _check(part, url, size, sha256, verifying)
            part.become(target)
        except FileNotFoundError as error:  # another process took the part under a lock that both were granted
            if not _is_right(target, size, sha256, verifying):
                raise StorageError(f"{part.path} is gone", "removed meanwhile", "Run the same command again") from error
    return target


@contextmanager
def _own_part(path: Path, size: int | None, progress: Count, patience: Patience) -> Iterator[Part]:
    """The shared part once nobody writes it, else a part of our own, which is not kept."""
    from filelock import FileLock

    lock = FileLock(path.with_name(path.name + ".lock"), mode=0o600)
    shared = Part(path)
    if _wait_for(lock, shared, size, progress, patience):
        try:
            yield shared
        finally:
            lock.release()
    else:
        own = Part(path.with_name(f"{path.stem}.{os.getpid()}-{threading.get_ident()}.part"))
        try:
            yield own
        finally:
            own.discard()


def _wait_for(lock: FileLock, part: Part, size: int | None, progress: Count, patience: Patience) -> bool:
    """Whether the lock was granted; False when the one who has it has not written for twice the stall time."""
    from filelock import Timeout

    seen, since = -1, time.monotonic()
    while True:
        try:
            lock.acquire(timeout=0)
            return True
        except Timeout:
            now = part.size()
        except (OSError, NotImplementedError):  # a file system without locks
            return False
        if now != seen:
            seen, since = now, time.monotonic()
            progress(seen, size)
        elif time.monotonic() - since > 2 * patience.stall:
            return False
        time.sleep(min(0.5, patience.stall / 10))


def _fetch(transfer: _Transfer, part: Part, patience: Patience) -> None:
    """Run attempts until the part is complete; an attempt that got somewhere gives back all tries."""
    failures = 0
    while True:
        before = part.size()
        try:
            return transfer.attempt(part)
        except _Again as again:
            failures = 1 if part.size() - before >= _PROGRESS else failures + 1
            if failures >= patience.tries or (again.wait or 0) > patience.longest:
                raise again.error from again.__cause__
            delay = min(patience.back_off * 2 ** (failures - 1), patience.longest)
            time.sleep(max(delay, again.wait or 0))


class _Transfer:
    """One address and the attempts to bring what is there into a part."""

    def __init__(
        self, url: str, size: int | None, hashed: bool, headers: dict[str, str], progress: Count, patience: Patience
    ) -> None:
        self.url = url
        self.size = size
        self.hashed = hashed  # the whole is checked in the end, so that bytes of another mirror may be continued
        self.headers = headers
        self.progress = progress
        self.stall = patience.stall

    def attempt(self, part: Part) -> None:
        """Ask for what is missing and append it. Returns when the answer's body is complete."""
        ask = {**self.headers, "Accept-Encoding": "identity"}
        offset = self._reusable(part)
        if self.size is not None and offset == self.size:
            return
        if offset:
            ask |= self._range(part, offset)
        timeout = (network.CONNECT_SECONDS, self.stall, self.stall, network.CONNECT_SECONDS)
        try:
            with network.session().stream("GET", self.url, headers=ask, timeout=timeout) as response:
                self._receive(response, part, offset)
        except network.http_errors() as error:
            sentence, again = network.unreached(error, self.url)
            if not again:
                raise sentence from error
            raise _Again(sentence) from error

    def _reusable(self, part: Part) -> int:
        """Bytes of the part that may be continued; a part that may not be is removed."""
        offset, origin = part.size(), part.origin()
        if not offset:
            return 0
        known = origin is not None and not origin.encoded
        same = known and (self.hashed or (origin is not None and origin.url == self.url and origin.etag != ""))
        if same and (self.size is None or offset <= self.size):
            return offset
        part.discard()
        return 0

    def _range(self, part: Part, offset: int) -> dict[str, str]:
        origin = part.origin()
        ask = {"Range": f"bytes={offset}-"}
        if origin and origin.etag and origin.url == self.url:
            ask["If-Range"] = origin.etag
        return ask

    def _receive(self, response: Any, part: Part, offset: int) -> None:
        status, headers = response.status_code, response.headers
        if status == 416:
            return self._not_satisfiable(part, offset)
        if status not in (200, 206):
            error = network.refused(status, self.url, "this file", headers)
            if status in _RETRIED:
                raise _Again(error, retry_after(headers.get("retry-after", "")))
            raise error
        if headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
            raise network.web_page(str(response.url))
        if status == 200:
            offset = 0
            self._begin(headers, part)
        elif not self._continues(headers, offset):
            part.discard()
            raise _Again(NetworkError(f"{network.host_of(self.url)} sent another part of the file than was asked for"))
        total = self.size if self.size is not None else _total(headers, offset)
        require_space(part.path.parent, (total or offset) - offset)
        self._append(response, part, offset, total)

    def _begin(self, headers: Mapping[str, str], part: Part) -> None:
        length = _total(headers, 0)
        if self.size is not None and length is not None and length != self.size:
            part.discard()
            raise wrong_file(self.url, f"{length} bytes instead of {self.size}")
        etag = headers.get("etag", "")
        strong = "" if etag.startswith("W/") else etag
        part.begin(Origin(self.url, strong, self.size or length, _encoded(headers)))

    def _continues(self, headers: Mapping[str, str], offset: int) -> bool:
        start, _, rest = headers.get("content-range", "").removeprefix("bytes ").partition("-")
        whole = rest.rpartition("/")[2]
        same = self.size is None or whole in ("*", str(self.size))
        return start == str(offset) and same and not _encoded(headers)

    def _not_satisfiable(self, part: Part, offset: int) -> None:
        origin = part.origin()
        if offset and self.size is None and origin and origin.size == offset:
            return  # everything had come, only the name was missing
        part.discard()
        raise _Again(NetworkError(f"{network.host_of(self.url)} did not continue the file", "HTTP 416"))

    def _append(self, response: Any, part: Part, done: int, total: int | None) -> None:
        self.progress(done, total)
        pace = _Pace(self.stall)
        with part.appending() as fd:
            for data in response.iter_bytes():
                done += len(data)
                if total is not None and done > total:
                    break
                part.append(fd, data)
                self.progress(done, total)
                if not pace.holds(len(data)):
                    raise _Again(network.unreached(TimeoutError(), self.url)[0])
        if total is not None and done > total:
            part.discard()
            raise wrong_file(self.url, f"more than the {total} bytes that were promised")
        if total is not None and done < total:
            raise _Again(NetworkError(f"{network.host_of(self.url)} sent {done} of {total} bytes"))


class _Pace:
    """Tells a slow transfer from one that only drips: at least `_SLOWEST` bytes a second over each stall time."""

    def __init__(self, stall: float) -> None:
        self.stall = stall
        self.since = time.monotonic()
        self.bytes = 0

    def holds(self, received: int) -> bool:
        self.bytes += received
        passed = time.monotonic() - self.since
        if passed <= self.stall:
            return True
        enough = self.bytes >= _SLOWEST * passed
        self.since, self.bytes = time.monotonic(), 0
        return enough


def _check(part: Part, url: str, size: int | None, sha256: str | None, verifying: Count) -> None:
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


def _is_right(path: Path, size: int | None, sha256: str | None, verifying: Count) -> bool:
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        return False
    if size is not None and found != size:
        return False
    return sha256 is None or hash_file(path, verifying) == sha256.lower()


def hash_file(path: Path, progress: Count = lambda done, total: None) -> str:
    """The sha256 of a file in hex."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            total, done = os.fstat(file.fileno()).st_size, 0
            while block := file.read(_BLOCK):
                digest.update(block)
                done += len(block)
                progress(done, total)
    except OSError as error:
        raise StorageError(f"cannot read {path}", error.strerror or str(error), "Run the same command again") from error
    return digest.hexdigest()


def wrong_file(url: str, why: str) -> NetworkError:
    """The sentence for bytes that are not those that were promised; they have been deleted."""
    return NetworkError(
        f"{network.host_of(url)} sent a wrong file, and it was deleted",
        why,
        "Run the same command again; if it stays so, the source is damaged: pull another model",
    )


def retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None if it is neither."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _total(headers: Mapping[str, str], offset: int) -> int | None:
    length = headers.get("content-length", "")
    return offset + int(length) if length.isdigit() and not _encoded(headers) else None


def _encoded(headers: Mapping[str, str]) -> bool:
    return str(headers.get("content-encoding", "identity")).lower() not in ("", "identity")
