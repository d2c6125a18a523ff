"""Fetch a checkpoint as its author published it: settings, tokenizer and weights of a repository of the hub."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quoth.errors import ModelError
from quoth.models.installed import name_from
from quoth.models.pull_progress import PullProgress
from quoth.models.sources import hub
from quoth.models.sources.download import download
from quoth.models.sources.hub_variants import is_safe
from quoth.models.sources.partial_download import require_space
from quoth.models.sources.verified_file import RetryPolicy, VerifiedFile
from quoth.platform import safe_files
from quoth.text.units import format_size

# The first of these that a repository has: torch's own files are read as well, but are sometimes twice the size.
_WEIGHTS: Final = (
    *("model.safetensors", "model.safetensors.index.json"),
    *("pytorch_model.bin", "pytorch_model.bin.index.json"),
)
_SETTINGS: Final = "config.json"
_SMALL: Final = (
    *(_SETTINGS, "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "chat_template.jinja", "vocab.json", "merges.txt", "tokenizer.model"),
)
_MOST_SHARDS: Final = 100


def folder_of(repository: str, parts: Path) -> Path:
    """Where the files of a repository wait until the conversion is done."""
    number = hashlib.sha256(repository.lower().encode()).hexdigest()[:16]
    return parts / f"original-{number}" / name_from(repository.rpartition("/")[2])


def forget(folder: Path) -> None:
    """Remove what was fetched. After a conversion that failed it stays, for the next one."""
    shutil.rmtree(folder.parent, ignore_errors=True)


def fetch_original(
    repository: str, parts: Path, *, progress: Callable[[PullProgress], None], retry: RetryPolicy | None = None
) -> Path:
    """Bring what a conversion needs into a folder and return it. What an earlier attempt fetched is used.

    Raises ModelError if the repository holds no checkpoint, NetworkError for what cannot be had, StorageError if the
    disk refuses.
    """
    endpoint, token = hub.endpoint(), hub.token()
    progress(PullProgress("looking"))
    there = {file.path: file for file in hub.files(repository, endpoint=endpoint, token=token)}
    weights = _weights(repository, there)
    folder = folder_of(repository, parts)
    with safe_files.attempt(f"write to {parts}"):
        safe_files.make_folder(folder.parent)
        safe_files.make_folder(folder)
    downloads = _Download(folder, token, progress, retry or RetryPolicy())
    downloads.all([there[name] for name in (*_SMALL, weights) if name in there])
    if weights.endswith(".index.json"):
        downloads.all([_shard(repository, name, there) for name in _shards(folder / weights)])
    return folder


def _weights(repository: str, there: dict[str, hub.HubFile]) -> str:
    found = next((name for name in _WEIGHTS if name in there), None)
    if found is None or _SETTINGS not in there:
        missing = _SETTINGS if found else "model.safetensors"
        raise ModelError(f"{repository} has no checkpoint that can be converted", f"it has no {missing}")
    return found


def _shards(index: Path) -> list[str]:
    try:
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(f"{index.name} is damaged", "it names no files", "Fetch it again") from None
    if len(names) > _MOST_SHARDS:
        raise ModelError(f"{index.name} names {len(names)} files", f"at most {_MOST_SHARDS} are fetched")
    return names


def _shard(repository: str, name: object, there: dict[str, hub.HubFile]) -> hub.HubFile:
    if not isinstance(name, str) or "/" in name or not is_safe(name) or name not in there:
        raise ModelError(f"{repository} is not complete", "its index names a file that it does not have")
    return there[name]


@dataclass(frozen=True, slots=True)
class _Download:
    """Downloads files one after another, and counts them as one."""

    folder: Path
    token: str | None
    progress: Callable[[PullProgress], None]
    retry: RetryPolicy

    def all(self, files: Sequence[hub.HubFile]) -> None:
        total, before = sum(file.size or 0 for file in files), 0
        require_space(self.folder, sum(file.size or 0 for file in files if not (self.folder / file.path).exists()))
        self.progress(PullProgress("looking", detail=f"{len(files)} files, {format_size(total)}"))
        for file in files:
            self._one(file, before, total)
            before += file.size or 0

    def _one(self, file: hub.HubFile, before: int, total: int) -> None:
        path = self.folder / file.path
        if file.sha256 is None:  # small, and nothing tells an old one from a new one
            path.unlink(missing_ok=True)
        target = VerifiedFile(
            path,
            file.size,
            file.sha256,
            progress=lambda done, _: self.progress(PullProgress("downloading", before + done, total)),
            verifying=lambda done, total: self.progress(PullProgress("verifying", done, total)),
            retry=self.retry,
        )
        download(file.url, target, hub.authorization(self.token))
