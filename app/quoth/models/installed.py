"""The models that Quoth keeps: a folder each, with the GGUF file and a record, model.json.

A record is written beside its place, flushed and renamed, so that it is always whole; a file is moved into place before
the record names it. Reading needs no writable folder, or none at all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, UsageError
from quoth.models import BrokenModel, ModelFile, ModelListing, describe
from quoth.platform import safe_files
from quoth.text import one_line

_RECORD: Final = "model.json"
_DEFAULT: Final = ".default"
_TRUSTED: Final = ".trusted.json"
_PARTS: Final = ".parts"
_MOST_TRUSTED: Final = 256
_SAFE: Final = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}\Z")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z")  # device names on Windows


def check_name(name: str) -> str:
    """The name in small letters. Raises UsageError if it cannot be the name of a folder."""
    lower = name.lower()
    if not _SAFE.match(lower) or _RESERVED.match(lower) or lower.endswith((".", ".gguf")):
        hint = "Use letters, digits, dots and dashes, such as qwen3-4b"
        raise UsageError(f"{one_line(name)!r} cannot be a model's name", try_=hint)
    return lower


def name_from(text: str) -> str:
    """A safe name made from that of a file or a repository."""
    name = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip(".-")[:100].rstrip(".-")
    return name if _SAFE.match(name) and not _RESERVED.match(name) else f"model-{name}".rstrip(".-")


@dataclass(frozen=True, slots=True)
class InstalledModels:
    """A folder of models. Writing raises StorageError, reading does not."""

    folder: Path

    @property
    def parts(self) -> Path:
        """Where unfinished downloads wait, on the same file system as the models."""
        return self.folder / _PARTS

    def list(self) -> ModelListing:
        """All models, and those whose record or file is damaged."""
        models, broken = [], []
        for name in self._names():
            try:
                model = self.get(name)
            except ModelError as error:
                broken.append(BrokenModel(name, "store", str(error)))
            else:
                models += [model] if model else []
        return ModelListing(tuple(models), tuple(broken))

    def check_folder(self) -> None:
        """Where no model was found: raise StorageError if the folder is there and cannot be read.

        Reading takes that for an empty folder, because a model that was found elsewhere needs none.
        """
        with safe_files.attempt(f"read the models in {self.folder}"), suppress(FileNotFoundError):
            os.listdir(self.folder)

    def get(self, name: str) -> ModelFile | None:
        """The model of a name, or None. Raises ModelError if its record is damaged or its file is gone."""
        try:
            name = check_name(name)
        except UsageError:
            return None
        record = _read(self.folder / name / _RECORD)
        if record is None:
            return None
        again = f"Remove it with `quoth models rm {name}` and fetch it again"
        try:
            model = _model(name, record, self.folder / name)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ModelError(f"the record of the model {name} is damaged", try_=again) from None
        if not model.path.is_file():
            raise ModelError(f"the file of the model {name} is gone", str(model.path), again)
        return model

    def add(self, file: Path, name: str | None = None, *, copy: bool = False, origin: str = "file") -> ModelFile:
        """Register a local GGUF file where it is, or copy it in. Raises ModelError if it cannot be loaded."""
        from quoth.gguf import check, read_header  # not needed by an answer

        header = read_header(file)
        check(header)
        name = check_name(name) if name is not None else name_from(file.stem)
        if (self.folder / name / _RECORD).exists():
            raise UsageError(f"there is a model called {name} already", try_="Give another name, or remove that one")
        model = describe(header, name, origin)
        if not copy:
            return self._record(model._replace(path=Path(os.path.abspath(file))))
        if len(header.parts) > 1:
            raise UsageError(f"{file.name} is in {len(header.parts)} parts", try_="Register it without copying")
        part = self.parts / f"{name}.{os.getpid()}.part"
        with safe_files.attempt(f"copy {file.name} into {self.folder}"):
            safe_files.make_folder(self.parts)
            digest = safe_files.copy(file, part)
        return self.install(part, model._replace(sha256=digest), file=f"{name_from(file.stem)}.gguf")

    def install(self, part: Path, model: ModelFile, *, file: str) -> ModelFile:
        """Move a verified file into place under `file`, for its owner alone, then record it.

        A model of the same name serves until the record is renamed; only then is its file removed.
        """
        name = check_name(model.name)
        if Path(file).name != file or file.startswith("."):
            raise UsageError(f"{file!r} is not a file name")
        with safe_files.attempt(f"install the model {name} in {self.folder}"):
            path = _free_path(self.folder / name, file)
            os.chmod(part, 0o600)
            safe_files.flush(part)
            os.replace(part, path)
            safe_files.flush_folder(path.parent)
        installed = self._record(model._replace(name=name, path=path))
        _delete_old_files(self.folder / name, keep=path)
        return installed

    def remove(self, name: str) -> ModelFile:
        """Forget a model and delete its file, unless the file was only registered. Returns what was removed."""
        import shutil  # not needed by an answer

        name = check_name(name)
        place = self.folder / name
        if _read(place / _RECORD) is None and not place.is_dir():
            raise self._not_installed(name)
        try:
            model = self.get(name)
        except ModelError:
            model = None
        with safe_files.attempt(f"remove the model {name}"):
            (place / _RECORD).unlink(missing_ok=True)
            if place.is_symlink():
                place.unlink()
            else:
                shutil.rmtree(place)
            if self.get_default() == name:
                (self.folder / _DEFAULT).unlink(missing_ok=True)
        return model or ModelFile(name, place, "store", 0)

    def verify(self, name: str, progress: safe_files.Progress = lambda done, total: None) -> str:
        """Hash a model's file again: its SHA-256. Raises ModelError if it is not what was recorded."""
        model = self.get(name)
        if model is None:
            raise self._not_installed(name)
        with safe_files.attempt(f"read {model.path}"):
            digest = safe_files.digest(model.path, progress)
        if model.sha256 not in (None, digest):
            what = f"the file of the model {model.name} has changed"
            why = f"its SHA-256 is {digest}, not {model.sha256}"
            raise ModelError(what, why, f"Remove it with `quoth models rm {model.name}` and fetch it again")
        return digest

    def set_default(self, name: str) -> None:
        """Remember the model to use when none is named."""
        with safe_files.attempt(f"remember the default model in {self.folder}"):
            safe_files.make_folder(self.folder)
            safe_files.write(self.folder / _DEFAULT, name.encode())

    def get_default(self) -> str | None:
        data = safe_files.read_small(self.folder / _DEFAULT)
        return data.decode("utf-8", "replace").strip() or None if data else None

    def trust(self, path: Path) -> bool:
        """Remember that a file, installed or not, was loaded once. False if that could not be written."""
        key, known = os.path.realpath(path), self._trusted()
        known.pop(key, None)  # the newest stands last
        try:
            known[key] = _fingerprint(path)
            newest = dict(list(known.items())[-_MOST_TRUSTED:])
            safe_files.make_folder(self.folder)
            safe_files.write(self.folder / _TRUSTED, json.dumps(newest).encode())
        except OSError:
            return False
        return True

    def is_trusted(self, path: Path) -> bool:
        """Whether exactly this file, by size and time of change, was loaded once."""
        try:
            return bool(self._trusted().get(os.path.realpath(path)) == _fingerprint(path))
        except OSError:
            return False

    def _trusted(self) -> dict[str, Any]:
        return safe_files.read_object(self.folder / _TRUSTED) or {}

    def _not_installed(self, name: str) -> ModelError:
        self.check_folder()
        return ModelError(f"no installed model is called {name}", try_="`quoth models` lists them")

    def _names(self) -> Iterator[str]:
        try:
            names = sorted(os.listdir(self.folder))
        except OSError:
            return
        for name in names:
            if _SAFE.match(name) and os.path.lexists(self.folder / name / _RECORD):
                yield name

    def _record(self, model: ModelFile) -> ModelFile:
        place = self.folder / model.name
        record = {**model._asdict(), "version": 1, "path": str(model.path)}
        if model.path.is_relative_to(place):  # the whole folder may be moved
            record["path"] = model.path.relative_to(place).as_posix()
        del record["installed"]
        with safe_files.attempt(f"record the model {model.name} in {self.folder}"):
            safe_files.make_folder(place)
            safe_files.write(place / _RECORD, json.dumps(record, indent=1).encode())
        return model._replace(installed=True)


def _model(name: str, data: bytes, place: Path) -> ModelFile:
    record = json.loads(data)
    texts = {key: record[key] for key in ("origin", "quantization", "architecture")}
    if not all(isinstance(value, str) for value in (*texts.values(), record["path"])):
        raise ValueError("not text")
    if record["kind"] not in ("chat", "base") or not isinstance(record["sha256"], str | None):
        raise ValueError("not a kind or a hash")
    numbers: dict[str, Any] = {key: int(record[key]) for key in ("size", "n_ctx_train")}
    checked = {**texts, **numbers, "kind": record["kind"], "sha256": record["sha256"]}
    return ModelFile(name, place / record["path"], installed=True, **checked)


def _free_path(folder: Path, file: str) -> Path:
    """In the model's folder, or in a numbered one in it while the file of an older install has the name."""
    path, number = folder / file, 1
    while os.path.lexists(path):
        number += 1
        path = folder / str(number) / file
    safe_files.make_folder(path.parent)
    return path


def _delete_old_files(folder: Path, keep: Path) -> None:
    """Delete the files of an older install; one that is in use on Windows stays until the next time."""
    for path in [*folder.glob("*.gguf"), *folder.glob("[0-9]*/*.gguf")]:
        if path != keep:
            with suppress(OSError):
                path.unlink()
    for place in folder.glob("[0-9]*"):
        with suppress(OSError):
            place.rmdir()


def _read(path: Path) -> bytes | None:
    """A record; an unreadable one is empty, which no whole record is."""
    return safe_files.read_small(path) or (b"" if os.path.lexists(path) else None)


def _fingerprint(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
