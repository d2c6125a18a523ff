"""What was found about ways of computing, kept from run to run: one small private file in the cache folder.

Nothing depends on it: where it is missing, cut short or of another form, everything is proved again.
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
from quoth.platform.safe_files import read_small

_FORM = 1  # of the file
_MOST = 32  # entries; the oldest are left out
_LONGEST = 200  # characters of how something failed
_LARGEST = 1e12  # of a number in it


class FindingsEntry(NamedTuple):
    """What is known for one fingerprint, and since when (seconds since 1970)."""

    about: Fingerprint
    known: Known
    since: float


class Findings:
    """The file. Every change is written at once, whole or not at all; `path` None keeps it in memory."""

    def __init__(self, path: Path | None, *, keep: bool = True) -> None:
        """With `keep` false the file is read and never written."""
        self._path = path
        self._keep = keep
        self._entries = _read(path)

    @property
    def entries(self) -> list[FindingsEntry]:
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
        self._entries[about.key] = FindingsEntry(about, known, time.time())
        kept = self.entries[:_MOST]
        if self._path is not None and self._keep:
            with suppress(OSError):
                _write(self._path, {"form": _FORM, "entries": [_plain(entry) for entry in kept]})


def _plain(entry: FindingsEntry) -> dict[str, Any]:
    findings = {name: finding._asdict() for name, finding in entry.known.findings.items()}
    return {**entry.about._asdict(), **entry.known._asdict(), "findings": findings, "since": entry.since}


def _entry(plain: Mapping[str, Any]) -> FindingsEntry:
    about = Fingerprint(*(" ".join(str(plain[name]).split())[:_LONGEST] for name in Fingerprint._fields))
    findings = {name: _finding(one) for name, one in plain["findings"].items() if name in BY_NAME}
    died_on = plain["died_on"] if plain["died_on"] in BY_NAME else ""
    return FindingsEntry(about, Known(findings, died_on, bool(plain["compared"])), _number(plain["since"]))


def _finding(plain: Mapping[str, Any]) -> Finding:
    failed = " ".join(str(plain["failed"]).split())[:_LONGEST]
    finding = Finding(failed, *(_number(plain[field]) for field in Finding._fields[1:]))
    if not failed and not (finding.read and finding.write):
        raise ValueError("a way that works has speeds")
    return finding


def _number(value: Any) -> float:
    """Raises ValueError for what cannot have been measured."""
    number = float(value)
    if not 0 <= number < _LARGEST:
        raise ValueError(f"{number} was not measured")
    return number


def _read(path: Path | None) -> dict[str, FindingsEntry]:
    """The valid entries of the file."""
    try:
        content: Any = json.loads((read_small(path) if path is not None else None) or b"null")
        plain = content["entries"] if content["form"] == _FORM else []
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    entries = dict[str, FindingsEntry]()
    for each in plain if isinstance(plain, list) else []:
        with suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
            entry = _entry(each)
            entries[entry.about.key] = entry
    return entries


def _write(path: Path, content: Any) -> None:
    """Not flushed to the disk: what a power cut loses is found again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
