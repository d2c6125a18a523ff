"""A download that continues what an earlier one left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from quoth.models.sources.http_transfer import Transfer
from quoth.models.sources.network import RetryableError
from quoth.models.sources.partial_download import PartialDownload
from quoth.models.sources.verified_file import RetryPolicy, VerifiedFile

_PROGRESS = 1 << 20  # bytes; an attempt that brought this much gives back all tries


def download(url: str, file: VerifiedFile, headers: Mapping[str, str] | None = None) -> Path:
    """Fetch an address into a file. `headers` go to the first host only.

    Raises NetworkError if it cannot be had as promised, StorageError if the disk refuses.
    """
    transfer = Transfer(url, file, headers or {})
    return file.bring(url, lambda part: _fetch(transfer, part, file.retry))


def _fetch(transfer: Transfer, part: PartialDownload, retry: RetryPolicy) -> None:
    failures = 0
    while True:
        before = part.size()
        try:
            return transfer.attempt(part)
        except RetryableError as failure:
            failures = 1 if part.size() - before >= _PROGRESS else failures + 1
            if failures >= retry.tries or (failure.wait or 0) > retry.longest:
                raise
            delay = min(retry.back_off * 2 ** (failures - 1), retry.longest)
            time.sleep(max(delay, failure.wait or 0))
