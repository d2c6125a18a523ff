"""`quoth doctor`."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from quoth.cli.run.doctor.reinstall import AMX_FLAG, from_source, from_wheels
from quoth.cli.run.doctor.ways_of_computing import problems, threaded_by, ways
from quoth.engine.ladder import Finding, Known
from quoth.version import __version__
from quoth.workers.native_errors import unloadable
from tests.broken_build import broken_build
from tests.conftest import Run


@pytest.mark.usefixtures("installed")
def test_it_says_what_this_installation_is(quoth: Run) -> None:
    result = quoth("doctor")
    assert (result.returncode, result.stderr) == (0, b"")
    rows = dict(line.split("  ", 1) for line in result.stdout.decode().splitlines() if not line.startswith("!"))
    assert rows["quoth"].strip() == __version__
    assert rows["llama-cpp-python"].strip() == importlib.metadata.version("llama-cpp-python")
    assert sys.executable in rows["python"]
    assert rows["free memory"].strip().endswith((" GB", " MB"))
    assert rows["default model"].strip().startswith("smollm2-135m (Q8_0, ")
    assert {"threads", "engine sandbox", "config", "models", "log", "platform", "llama.cpp"} <= {*rows}


def test_it_works_without_a_model_and_as_json(quoth: Run) -> None:
    found = json.loads(quoth("doctor", "--json").stdout)
    assert found["version"] == __version__
    assert found["default model"] == 'none: run "quoth pull"'
    assert found["models"].endswith(" (not there yet)")
    assert isinstance(found["problems"], list)


# Ways of computing


def rows_of(stdout: bytes) -> dict[str, str]:
    lines = stdout.decode().splitlines()
    return {
        name.strip(): value.strip() for name, value in (line.strip().split("  ", 1) for line in lines if line[0] != "!")
    }


def ways_of(result: subprocess.CompletedProcess[bytes]) -> dict[str, dict[str, object]]:
    assert result.returncode == 0, result.stderr
    return {way["name"]: way for way in json.loads(result.stdout)["ways"]}


@pytest.mark.usefixtures("installed")
def test_it_shows_what_was_proved_and_proves_again_when_told(quoth: Run) -> None:
    ways = ways_of(quoth("doctor", "--json"))
    assert [*ways] == ["cpu-extra", "cpu", "one-thread"]
    used = next(way for way in ways.values() if way["in_use"])
    assert used["failed"] == ""
    assert float(str(used["read"])) > 1
    assert ways["one-thread"] == {"name": "one-thread", "in_use": False}
    ways = ways_of(quoth("doctor", "--json", "--prove"))
    assert [way["failed"] for way in ways.values()] == ["", "", ""]
    assert all(float(str(way["write"])) > 1 for way in ways.values())
    text = rows_of(quoth("doctor").stdout)
    assert text["ways to compute"] == "llama Q8_0, 145 MB (smollm2-135m)"
    assert re.fullmatch(r"the same with one thread: works, reads \d+ and writes \d+\.\d tokens/s", text["one-thread"])


def test_without_a_model_nothing_can_be_proved(quoth: Run) -> None:
    assert json.loads(quoth("doctor", "--json").stdout)["ways"] == []
    refused = quoth("doctor", "--prove")
    assert (refused.returncode, refused.stdout) == (3, b"")
    assert refused.stderr.startswith(b'quoth: error: --prove needs a model (run "quoth pull")')


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("fault", ["crash", "nonsense"])
def test_a_way_that_fails_is_shown_with_how_and_what_would_help(quoth: Run, tmp_path: Path, fault: str) -> None:
    env = {"PYTHONPATH": str(broken_build(tmp_path / "build", {"cpu-extra": fault}, rebuilt=True))}
    found = json.loads(quoth("doctor", "--json", "--prove", env=env).stdout)
    ways = {way["name"]: way for way in found["ways"]}
    assert ways["cpu-extra"]["failed"].startswith({"crash": "signal SIGSEGV", "nonsense": "nonsense: NMSE "}[fault])
    assert ways["cpu"]["in_use"]
    (problem,) = [line for line in found["problems"] if "are not used" in line or "is not used" in line]
    assert "-m pip install --force-reinstall --no-deps --no-cache-dir --no-binary llama-cpp-python" in problem
    assert quoth("Hello", "-n", "2", env=env).stderr == b""  # it was found out before


def test_a_build_is_held_against_the_one_before(quoth: Run, installed: Path, tmp_path: Path) -> None:
    (installed / "cache" / "ladder.json").unlink()  # it may know of builds before
    quoth("Hello", "-n", "2")
    assert "this build" not in rows_of(quoth("doctor").stdout)
    env = {"PYTHONPATH": str(broken_build(tmp_path / "build", {}, rebuilt=True))}
    quoth("Hello", "-n", "2", env=env)
    said = rows_of(quoth("doctor", env=env).stdout)["this build"]
    assert re.fullmatch(r"reads \d+\.\d\d and writes \d+\.\d\d times as fast as the build .* on \d{4}-\d\d-\d\d", said)


def test_libraries_that_do_not_load_are_said_in_words_with_the_line_that_helps(quoth: Run, tmp_path: Path) -> None:
    build = broken_build(tmp_path / "build", {}, rebuilt=True)
    (build / "llama_cpp" / "lib" / "libggml-cpu.so.0").write_bytes(b"")
    env = {"PYTHONPATH": str(build)}
    result = quoth("doctor", env=env)
    assert result.returncode == 4
    assert b"platform" in result.stdout
    (problem,) = [line for line in result.stdout.decode().splitlines() if line.startswith("!")]
    assert problem.startswith("! llama.cpp cannot be loaded: a library is damaged (")
    assert problem.endswith(f"llama-cpp-python=={importlib.metadata.version('llama-cpp-python')}")
    for library in (build / "llama_cpp" / "lib").glob("libggml*"):
        library.unlink()
    assert b"a shared library is missing (" in quoth("doctor", env=env).stdout


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("libgomp.so.1: cannot open shared object file: No such file or directory", "OpenMP's library is missing"),
        ("libcuda.so.1: cannot open shared object file: No such file", "the NVIDIA driver is missing"),
        ("libcudart.so.12: cannot open shared object file: No such file", "the CUDA libraries are missing"),
        ("/lib/libc.so.6: version `GLIBC_2.38' not found (required by libllama.so)", "built for a newer system"),
        ("No module named 'llama_cpp'", "llama-cpp-python is not installed"),
        ("Shared library with base name 'llama' not found", "llama-cpp-python is not installed"),
    ],
)
def test_each_reason_has_its_own_sentence(why: str, expected: str) -> None:
    error = unloadable(f"Failed to load shared library '/x/libllama.so': {why}")
    assert expected in str(error)
    assert error.try_


def native(**changes: object) -> dict[str, object]:
    """What a worker says of a build in which nothing is wrong."""
    said: dict[str, object] = {
        "system": "CPU : AVX2 = 1 | FMA = 1 | OPENMP = 1 | REPACK = 1 |",
        "features": ["avx2", "fma"],
        "libraries": ["libggml-cpu.so", "libllama.so"],
        "gpu": False,
        "for_gpus": False,
        "driver": "",
        "log": [],
    }
    return {**said, **changes}


AMX = native(features=["avx2", "fma", "amx_int8"], system="CPU : AVX2 = 1 | FMA = 1 | AMX_INT8 = 1 | OPENMP = 1 |")
CUDA = native(for_gpus=True, log=["CUDA driver version is insufficient for CUDA runtime version"])


@pytest.mark.parametrize(
    ("said", "failed", "begins", "contains"),
    [
        (
            AMX,
            {"cpu-extra": "signal SIGSEGV"},
            "AMX is not used (signal SIGSEGV)",
            f"{AMX_FLAG} {sys.executable} -m pip",
        ),
        (native(), {"cpu-extra": "nonsense: NMSE 2"}, "repacked weights are not used (nonsense", "--no-binary"),
        (native(gpu=True), {"gpu": "signal SIGSEGV"}, "the GPU is not used (signal SIGSEGV)", "quoth doctor --prove"),
        (CUDA, {}, "this build is for a GPU and cannot use one (CUDA driver version is insufficient", "Update the GPU"),
        (native(driver="signal SIGSEGV"), {}, "the GPU's driver ends the program (signal SIGSEGV)", "--prove"),
        (native(features=["fma"]), {}, "this build uses AVX2, which this processor lacks", "--no-cache-dir"),
    ],
)
def test_each_problem_has_its_own_sentence_and_line(
    said: dict[str, object], failed: dict[str, str], begins: str, contains: str
) -> None:
    known = Known({rung: Finding(how) for rung, how in failed.items()})
    (problem,) = problems(said, ways(bool(said["gpu"]), known))
    assert problem.startswith(begins)
    assert contains in problem


def test_a_build_without_openmp_is_said_and_no_problem() -> None:
    said = native(system="CPU : AVX2 = 1 |")
    assert threaded_by(said) == "llama.cpp itself: this build has no OpenMP, and is about as fast without"
    assert threaded_by(native()) == "OpenMP"
    assert [*problems(said, ways(False, Known()))] == []


def test_a_build_in_which_nothing_is_wrong_has_no_problem() -> None:
    assert [*problems(native(), ways(False, Known({"cpu-extra": Finding(read=1.0, write=1.0)})))] == []
    assert [*problems(native(features=[]), ways(False, Known()))] == []  # a kernel that says nothing


@pytest.mark.parametrize(
    ("prefix", "begins"),
    [
        ("/home/me/.local/share/uv/tools/quoth", "uv tool upgrade quoth --reinstall-package llama-cpp-python "),
        ("/home/me/.local/share/pipx/venvs/quoth", "pipx runpip quoth install --force-reinstall "),
        ("/home/me/venv", f"{sys.executable} -m pip install --force-reinstall "),
    ],
)
def test_the_lines_fit_the_way_of_installation(prefix: str, begins: str) -> None:
    assert from_wheels("cu124", prefix).startswith(begins)
    assert from_wheels("cu124", prefix).count("/cu124") == 1
    assert from_source(AMX_FLAG, prefix).startswith(f"CXXFLAGS=-fno-dse {begins}")
    assert "--no-cache" in from_source("", prefix)
    assert "--no-binary" in from_source("", prefix)


@pytest.mark.usefixtures("installed")
def test_a_folder_in_which_nothing_can_be_kept_is_a_problem(quoth: Run) -> None:
    found = json.loads(quoth("doctor", "--json", env={"QUOTH_HOME": os.devnull}).stdout)
    for lost in ("no model can be installed", "no conversation is kept", "every run proves again"):
        assert any("(cannot be made): " + lost in problem for problem in found["problems"])
    found = json.loads(quoth("doctor", "--json", "-m", "nothing").stdout)
    assert any("no model is called 'nothing'" in problem for problem in found["problems"])
    assert not any(name.startswith(" ") for name in found)
