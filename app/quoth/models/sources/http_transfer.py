"""One address and the attempts to bring what is there into a part of a file.

Ranges, If-Range and their answers are those of RFC 9110, parts 13 and 14.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from quoth.errors import NetworkError
from quoth.models.sources import network
from quoth.models.sources.partial_download import Origin, PartialDownload, require_space

Count = Callable[[int, int | None], None]
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_SLOWEST = 100  # bytes a second; below it a transfer counts as stalled


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a transfer is given. All times in seconds."""

    tries: int = 6
    stall: float = 30.0
    back_off: float = 1.0  # doubled after each failure, up to `longest`
    longest: float = 60.0  # also the most that a Retry-After is waited for


class Again(Exception):
    """The attempt failed in a way that a later one may not. `wait` is what the server asked for."""

    def __init__(self, error: NetworkError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Transfer:
    """One address and the attempts to bring what is there into a part."""

    def __init__(
        self, url: str, size: int | None, hashed: bool, headers: dict[str, str], progress: Count, patience: RetryPolicy
    ) -> None:
        self.url = url
        self.size = size
        self.hashed = hashed  # the whole is checked in the end, so that bytes of another mirror may be continued
        self.headers = headers
        self.progress = progress
        self.stall = patience.stall

    def attempt(self, part: PartialDownload) -> None:
        """Ask for what is missing and append it. Returns when the answer's body is complete."""
        ask = {**self.headers, "Accept-Encoding": "identity"}
        offset = self._reusable(part)
        if self.size is not None and offset == self.size:
            return
        if self.size is not None:
            require_space(part.path.parent, self.size - offset)
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
            raise Again(sentence) from error

    def _reusable(self, part: PartialDownload) -> int:
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

    def _range(self, part: PartialDownload, offset: int) -> dict[str, str]:
        origin = part.origin()
        ask = {"Range": f"bytes={offset}-"}
        if origin and origin.etag and origin.url == self.url:
            ask["If-Range"] = origin.etag
        return ask

    def _receive(self, response: Any, part: PartialDownload, offset: int) -> None:
        status, headers = response.status_code, response.headers
        if status == 416:
            return self._not_satisfiable(part, offset)
        if status not in (200, 206):
            error = network.refused(status, self.url, "this file", headers)
            if status in _RETRIED:
                raise Again(error, retry_after(headers.get("retry-after", "")))
            raise error
        if headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
            raise network.web_page(str(response.url))
        if status == 200:
            offset = 0
            self._begin(headers, part)
        elif not self._continues(headers, offset):
            part.discard()
            raise Again(NetworkError(f"{network.host_of(self.url)} sent another part of the file than was asked for"))
        total = self.size if self.size is not None else _total(headers, offset)
        require_space(part.path.parent, (total or offset) - offset)  # where the size was not known before
        self._append(response, part, offset, total)

    def _begin(self, headers: Mapping[str, str], part: PartialDownload) -> None:
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

    def _not_satisfiable(self, part: PartialDownload, offset: int) -> None:
        origin = part.origin()
        if offset and self.size is None and origin and origin.size == offset:
            return  # everything had come, only the name was missing
        part.discard()
        raise Again(NetworkError(f"{network.host_of(self.url)} did not continue the file", "HTTP 416"))

    def _append(self, response: Any, part: PartialDownload, done: int, total: int | None) -> None:
        self.progress(done, total)
        pace = _TransferRate(self.stall)
        with part.appending() as fd:
            for data in response.iter_bytes():
                done += len(data)
                if total is not None and done > total:
                    break
                part.append(fd, data)
                self.progress(done, total)
                if not pace.holds(len(data)):
                    raise Again(network.unreached(TimeoutError(), self.url)[0])
        if total is not None and done > total:
            part.discard()
            raise wrong_file(self.url, f"more than the {total} bytes that were promised")
        if total is not None and done < total:
            raise Again(NetworkError(f"{network.host_of(self.url)} sent {done} of {total} bytes"))


class _TransferRate:
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
