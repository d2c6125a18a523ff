"""A download that continues what an earlier one left.

Ranges, If-Range and their answers are those of RFC 9110, parts 13 and 14.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quoth.models.sources import network
from quoth.models.sources.network import RetryableError
from quoth.models.sources.partial_download import Origin, PartialDownload, require_space
from quoth.models.sources.verified_file import VerifiedFile

_SLOWEST = 100  # bytes a second; below it a transfer counts as stalled
_PROGRESS = 1 << 20  # bytes; an attempt that brought this much gives back all tries


def download(url: str, file: VerifiedFile, headers: Mapping[str, str] | None = None) -> Path:
    """Fetch an address into a file. `headers` go to the first host only.

    Raises NetworkError if it cannot be had as promised, StorageError if the disk refuses.
    """
    return file.bring(url, _Transfer(url, file, headers or {}).fetch)


class _Transfer:
    """One address and the attempts to bring what is there into a part."""

    def __init__(self, url: str, file: VerifiedFile, headers: Mapping[str, str]) -> None:
        self.url = url
        self.file = file
        self.size = file.size
        self.headers = headers

    def fetch(self, part: PartialDownload) -> None:
        """Run attempts until the part is complete."""
        failures, retry = 0, self.file.retry
        while True:
            before = part.size()
            try:
                return self._attempt(part)
            except RetryableError as failure:
                failures = 1 if part.size() - before >= _PROGRESS else failures + 1
                if failures >= retry.tries or (failure.wait or 0) > retry.longest:
                    raise
                delay = min(retry.back_off * 2 ** (failures - 1), retry.longest)
                time.sleep(max(delay, failure.wait or 0))

    def _attempt(self, part: PartialDownload) -> None:
        """Ask for what is missing and append it. Returns when the answer's body is complete."""
        offset = self._reusable(part)
        if self.size is not None:
            if offset == self.size:
                return
            require_space(part.path.parent, self.size - offset)
        ask = {**self.headers, "Accept-Encoding": "identity"} | (self._range(part, offset) if offset else {})
        stall = self.file.retry.stall
        timeout = (network.CONNECT_SECONDS, stall, stall, network.CONNECT_SECONDS)
        try:
            with network.session().stream("GET", self.url, headers=ask, timeout=timeout) as response:
                self._receive(response, part, offset)
        except network.http_errors() as error:
            raise network.unreached(error, self.url) from error

    def _reusable(self, part: PartialDownload) -> int:
        """Bytes of the part that may be continued; a part that may not be is removed."""
        offset, origin = part.size(), part.origin()
        # Where the whole is hashed in the end, bytes of another mirror may be continued.
        same = origin and not origin.encoded and (self.file.sha256 or (origin.url == self.url and origin.etag))
        if offset and (not same or (self.size is not None and offset > self.size)):
            part.discard()
            return 0
        return offset

    def _range(self, part: PartialDownload, offset: int) -> dict[str, str]:
        origin = part.origin()
        same = origin is not None and origin.etag and origin.url == self.url
        return {"Range": f"bytes={offset}-"} | ({"If-Range": origin.etag} if origin and same else {})

    def _receive(self, response: Any, part: PartialDownload, offset: int) -> None:
        status, headers = response.status_code, response.headers
        if status == 416:
            return self._not_satisfiable(part, offset)
        if status not in (200, 206):
            raise network.refused(status, self.url, "this file", headers)
        if headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
            raise network.web_page(str(response.url))
        if status == 200:
            offset = 0
            self._begin(headers, part)
        elif not self._continues(headers, offset):
            part.discard()
            raise RetryableError(f"{network.host_of(self.url)} sent another part of the file than was asked for")
        total = self.size if self.size is not None else _total(headers, offset)
        require_space(part.path.parent, (total or offset) - offset)  # where the size was not known before
        self._append(response, part, offset, total)

    def _begin(self, headers: Mapping[str, str], part: PartialDownload) -> None:
        length = _total(headers, 0)
        if self.size is not None and length is not None and length != self.size:
            part.discard()
            raise network.wrong_file(self.url, f"{length} bytes instead of {self.size}")
        etag = headers.get("etag", "")
        strong = "" if etag.startswith("W/") else etag
        part.begin(Origin(self.url, strong, self.size or length, _encoded(headers)))

    def _continues(self, headers: Mapping[str, str], offset: int) -> bool:
        start, _, rest = headers.get("content-range", "").removeprefix("bytes ").partition("-")
        whole = rest.rpartition("/")[2]
        same = self.size is None or whole in ("*", str(self.size))
        return start == str(offset) and same and not _encoded(headers)

    def _not_satisfiable(self, part: PartialDownload, offset: int) -> None:
        origin = part.origin()
        if offset and self.size is None and origin and origin.size == offset:
            return  # everything had come, only the name was missing
        part.discard()
        raise RetryableError(f"{network.host_of(self.url)} did not continue the file", "HTTP 416")

    def _append(self, response: Any, part: PartialDownload, done: int, total: int | None) -> None:
        self.file.progress(done, total)
        rate = _TransferRate(self.file.retry.stall)
        with part.appending() as fd:
            for data in response.iter_bytes():
                done += len(data)
                if total is not None and done > total:
                    break
                part.append(fd, data)
                self.file.progress(done, total)
                if not rate.is_enough(len(data)):
                    raise network.unreached(TimeoutError(), self.url)
        if total is not None and done > total:
            part.discard()
            raise network.wrong_file(self.url, f"more than the {total} bytes that were promised")
        if total is not None and done < total:
            raise RetryableError(f"{network.host_of(self.url)} sent {done} of {total} bytes")


class _TransferRate:
    """Tells a slow transfer from one that only drips: at least `_SLOWEST` bytes a second over each stall time."""

    def __init__(self, stall: float) -> None:
        self.stall = stall
        self.since = time.monotonic()
        self.bytes = 0

    def is_enough(self, received: int) -> bool:
        self.bytes += received
        passed = time.monotonic() - self.since
        if passed <= self.stall:
            return True
        enough = self.bytes >= _SLOWEST * passed
        self.since, self.bytes = time.monotonic(), 0
        return enough


def _total(headers: Mapping[str, str], offset: int) -> int | None:
    length = headers.get("content-length", "")
    return offset + int(length) if length.isdigit() and not _encoded(headers) else None


def _encoded(headers: Mapping[str, str]) -> bool:
    return str(headers.get("content-encoding", "identity")).lower() not in ("", "identity")
