"""Operands to files: files as they are, folders with all that can be read in them, patterns no shell expanded."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from quoth.documents.kinds import ZIP, kind_by_name, kind_of
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError
from quoth.text.decoding import HEAD, decode_input

_LEFT_OUT = frozenset({"CVS", "node_modules", "__pycache__", "_darcs"})  # besides hidden folders like .git


class Gathered(NamedTuple):
    """The files that operands name."""

    files: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]  # what was left out, and why


def gather(operands: Sequence[str]) -> Gathered:
    """The files that operands name, in their order, each once.

    Raises InputError for an operand that is missing, and for a folder without readable files.
    """
    files: dict[str, None] = {}
    skipped: list[tuple[str, str]] = []
    for operand in operands:
        for path in _expanded(operand):
            if os.path.isdir(path):
                before = len(files)
                found = list(_in_folder(path, skipped))
                files.update(dict.fromkeys(found))
                if not found and len(files) == before:
                    count = sum(1 for name, _ in skipped if name.startswith(path))
                    why = f"{count} skipped: {skipped[-1][1]}" if count else "it is empty"
                    raise InputError(f"{path} has no readable files", why)
            else:
                files.setdefault(path)
    return Gathered(tuple(files), tuple(skipped))


def _expanded(operand: str) -> list[str]:
    """A path that exists is itself, also with a star in its name. Raises InputError for nothing found."""
    if os.path.lexists(operand):
        if not os.path.exists(operand):
            raise InputError(f"{operand} cannot be read", "a link to nothing")
        return [operand]
    found = sorted(glob.glob(operand, recursive=True)) if glob.has_magic(operand) else []
    if not found:
        why = "no file fits the pattern" if glob.has_magic(operand) else ""
        raise InputError(f"{operand} does not exist", why, "Check the name")
    return found


def _in_folder(folder: str, skipped: list[tuple[str, str]]) -> Iterator[str]:
    """Readable files of a folder and its folders, sorted; links to folders are not followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        skipped.append((folder, error.strerror or str(error)))
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _in_folder(entry.path, skipped)
        elif entry.is_file():
            if reason := _why_skipped(entry.path):
                skipped.append((entry.path, reason))
            else:
                yield entry.path


def _why_skipped(path: str) -> str:
    """Why a file of a folder is left out, by its name and its first bytes; or nothing."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        return error.strerror or str(error)
    if not head:
        return "empty"
    named = kind_by_name(path)
    zipped = named is not None and named.name in ("epub", "docx")
    if head.startswith(b"\x1f\x8b"):
        return "" if named and not zipped else "gzip data of an unknown kind"
    if head.startswith(ZIP):
        return "" if zipped else "a ZIP archive"
    kind = kind_of(RawDocument(path, [head], HEAD))
    if kind.name == "pdf" or head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return ""
    try:
        decode_input(head, path)
    except InputError as error:
        return error.why
    suffix = PurePath(path).suffix
    return f"{suffix} files are of no known kind" if suffix and not named and kind.name in ("text", "code") else ""
