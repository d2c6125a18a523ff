"""The wheel: what is in it, and that it runs where hostile files lie around."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as a wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an installation would add to Python's path."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_a_wheel_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"quoth", "quoth_converters"}
    sources = {p.relative_to(ROOT / "app").as_posix() for p in (ROOT / "app" / "quoth").rglob("*.py")}
    assert sources <= set(names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_files_of_the_working_directory_are_not_imported(unpacked: Path, tmp_path: Path) -> None:
    for name in ("quoth", "click", "json", "llama_cpp", "numpy", "platformdirs", "subprocess", "tokenize"):
        (tmp_path / f"{name}.py").write_text(
            "raise SystemExit('a file of the working directory was imported')\n", "utf-8"
        )
    (tmp_path / "app" / "quoth").mkdir(parents=True)
    (tmp_path / "app" / "quoth" / "__init__.py").write_text("raise SystemExit('wrong package')\n", "utf-8")
    script = tmp_path / "elsewhere" / "quoth-script"  # as an installer writes it, out of the working directory
    script.parent.mkdir()
    start = f"import sys\nsys.path.insert(0, {str(unpacked)!r})\nfrom quoth.__main__ import main\nsys.exit(main())\n"
    script.write_text(start, "utf-8")
    run = subprocess.run(
        [sys.executable, str(script), "doctor"],
        cwd=tmp_path,
        env={**os.environ, "QUOTH_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=100,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().startswith("quoth ")
    assert "engine sandbox" in run.stdout.decode()  # the worker said so
