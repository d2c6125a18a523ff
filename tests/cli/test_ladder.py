"""The ladder as a user meets it: an answer, one line the first time, and nothing on the next run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.broken_build import broken_build
from tests.conftest import Run
from tests.tui.terminal import Terminal

LINE = (
    b"quoth: does not work here: a layout of weights for this processor (signal SIGSEGV). Quoth now computes on the "
    b'processor without it; "quoth doctor" has the way back\n'
)
Broken = Callable[..., dict[str, str]]


@pytest.fixture
def broken(tmp_path: Path, installed: Path) -> Broken:
    """The environment of a command on a build with faults, where nothing is known yet."""

    def make(fault: str = "crash", gpu_layers: int = 0, rungs: tuple[str, ...] = ("cpu-extra",)) -> dict[str, str]:
        build = broken_build(tmp_path / "build", dict.fromkeys(rungs, fault), gpu_layers=gpu_layers)
        (installed / "cache" / "ladder.json").unlink()
        return {"PYTHONPATH": str(build), "QUOTH_THREADS": "2"}

    return make


def test_a_build_that_crashes_answers_and_says_so_once(quoth: Run, broken: Broken, installed: Path) -> None:
    env = broken()
    first = quoth("The capital of France is", "-t", "0", "-n", "8", env=env)
    assert (first.returncode, first.stderr) == (0, LINE)
    assert first.stdout.strip()
    again = quoth("The capital of France is", "-t", "0", "-n", "8", env=env)
    assert (again.returncode, again.stdout, again.stderr) == (0, first.stdout, b"")
    assert [path.name for path in (installed / "cache").iterdir()] == ["ladder.json"]


@pytest.mark.more
@pytest.mark.parametrize("command", [["complete", "a", "-n", "2"], ["tokens", "FILE"], ["ask", "-f", "FILE", "who?"]])
def test_every_command_steps_over_it(quoth: Run, broken: Broken, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "FILE").write_text("The lighthouse was built by Anna in 1871.\n")
    result = quoth(*command, env=broken(), cwd=tmp_path)
    assert result.returncode in (0, 8), result.stderr
    assert result.stderr.count(LINE) == 1


@pytest.mark.more
def test_quiet_says_nothing_and_json_stays_json(quoth: Run, broken: Broken) -> None:
    env = broken()
    result = quoth("Hello", "-n", "2", "--quiet", "--json", env=env)
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout)["usage"]


@pytest.mark.more
def test_a_private_run_keeps_nothing_and_uses_what_is_kept(quoth: Run, broken: Broken, installed: Path) -> None:
    env = broken()
    for _ in range(2):
        result = quoth("Hello", "-n", "2", "--private", env=env)
        assert (result.returncode, result.stderr) == (0, LINE)
    assert [*(installed / "cache").iterdir()] == []
    quoth("Hello", "-n", "2", env=env)
    assert quoth("Hello", "-n", "2", "--private", env=env).stderr == b""


@pytest.mark.more
def test_a_gpu_that_crashes_is_left_alone(quoth: Run, broken: Broken) -> None:
    env = broken(gpu_layers=31, rungs=("gpu", "gpu-half"))
    first = quoth("Hello", "-n", "2", env=env)
    assert first.returncode == 0
    assert first.stderr.startswith(
        b"quoth: does not work here: the GPU (signal SIGSEGV). Quoth now computes on the processor; "
    )
    assert quoth("Hello", "-n", "2", env=env).stderr == b""


def test_a_model_that_is_added_is_measured_both_ways(quoth: Run, home: Path, model_path: Path) -> None:
    assert quoth("models", "add", str(model_path), env={"QUOTH_THREADS": "2"}).returncode == 0
    (entry,) = json.loads((home / "cache" / "ladder.json").read_bytes())["entries"]
    assert entry["compared"] is True
    assert set(entry["findings"]) == {"cpu-extra", "cpu"}
    assert all(finding["failed"] == "" and finding["write"] > 0 for finding in entry["findings"].values())


def test_the_app_says_so_in_a_notification_and_answers(environ: dict[str, str], broken: Broken) -> None:
    with Terminal([sys.executable, "-m", "quoth"], {**environ, **broken()}, columns=100) as terminal:
        terminal.wait_for("Does not work here: a layout of weights")
        terminal.wait_for("CPU")
        terminal.type("Hello")
        terminal.press("enter")
        terminal.wait_for("tokens/s")
        terminal.press("ctrl+q")
        assert terminal.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_file_whose_name_is_no_text_is_loaded(quoth: Run, tmp_path: Path, model_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9 \xff")
    folder.mkdir()
    (folder / "model.gguf").symlink_to(model_path)
    said = quoth("-m", str(folder / "model.gguf"), "Hello", "-n", "2")
    assert (said.returncode, said.stderr) == (0, b"")
    small = ["--requantize", "-q", "Q4_0", "-o", str(folder / "small.gguf")]
    made = quoth("quantize", str(folder / "model.gguf"), *small)
    assert made.returncode == 0, made.stderr
    assert (folder / "small.gguf").stat().st_size < model_path.stat().st_size
    home = {"QUOTH_HOME": str(folder / "home")}
    assert quoth("models", "add", str(model_path), "--name", "mine", env=home).returncode == 0
    assert quoth("Hello", "-n", "2", env=home).returncode == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_limit_on_the_size_of_files_is_no_hindrance(environ: dict[str, str]) -> None:
    command = f"ulimit -f 8; exec {sys.executable} -m quoth Hello -n 2 --private"
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environ, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
