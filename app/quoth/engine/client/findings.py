"""What was found about ways of computing, kept from run to run: one small private file in the cache folder.

Nothing depends on it: where it is missing, torn or of another form, everything is proved again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from quoth.engine.ladder import BY_NAME, Finding, Fingerprint, Known

_FORM = 1  # of the file
_MOST = 32  # entries; the oldest are left out
_MOST_BYTES = 256 * 1024


class Entry(NamedTuple):
    """What is known for one fingerprint, and since when (seconds since 1970)."""

    about: Fingerprint
    known: Known
    since: float


class Findings:
    """The file. Every change is written at once, whole or not at all; `path` None keeps it in memory."""

    def __init__(self, path: Path | None, *, keep: bool = True) -> None:
        """With `keep` false what is there is read and nothing is written."""
        self._path = path
        self._keep = keep
        self._entries = _read(path)

    @property
    def entries(self) -> list[Entry]:
        """The newest first."""
        return sorted(self._entries.values(), key=lambda entry: -entry.since)

    def known(self) -> dict[str, Known]:
        """By key."""
        return {key: entry.known for key, entry in self._entries.items()}

    def of(self, key: str) -> Known:
        entry = self._entries.get(key)
        return entry.known if entry else Known()

    def put(self, about: Fingerprint, known: Known) -> None:
        """Replace what is known for a fingerprint. What other processes wrote meanwhile about others stays."""
        if self._keep:
            self._entries |= _read(self._path)
        self._entries[about.key] = Entry(about, known, time.time())
        kept = self.entries[:_MOST]
        if self._path is not None and self._keep:
            with suppress(OSError):
                _write(self._path, {"form": _FORM, "entries": [_plain(entry) for entry in kept]})


def _plain(entry: Entry) -> dict[str, Any]:
    findings = {name: finding._asdict() for name, finding in entry.known.findings.items()}
    return {**entry.about._asdict(), **entry.known._asdict(), "findings": findings, "since": entry.since}


def _entry(plain: Mapping[str, Any]) -> Entry:
    about = Fingerprint(*(str(plain[name]) for name in Fingerprint._fields))
    findings = {
        name: Finding(str(one["failed"]), *(float(one[field]) for field in Finding._fields[1:]))
        for name, one in plain["findings"].items()
        if name in BY_NAME
    }
    return Entry(about, Known(findings, str(plain["died_on"]), bool(plain["compared"])), float(plain["since"]))


def _read(path: Path | None) -> dict[str, Entry]:
    try:
        if path is None or path.stat().st_size > _MOST_BYTES:
            return {}
        content = json.loads(path.read_bytes())
        entries = [_entry(plain) for plain in content["entries"]] if content["form"] == _FORM else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {entry.about.key: entry for entry in entries}


def _write(path: Path, content: Any) -> None:
    """Not flushed to the disk: what a power cut takes is found again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
