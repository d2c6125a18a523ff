"""`quoth doctor`."""

from __future__ import annotations

import importlib.metadata
import json
import sys

import pytest

from quoth import __version__
from quoth.cli.doctor import gpu_line
from tests.conftest import Run


@pytest.mark.usefixtures("installed")
def test_it_says_what_this_installation_is(quoth: Run) -> None:
    result = quoth("doctor")
    assert (result.returncode, result.stderr) == (0, b"")
    rows = dict(line.split("  ", 1) for line in result.stdout.decode().splitlines() if not line.startswith("!"))
    assert rows["quoth"].strip() == __version__
    assert rows["llama-cpp-python"].strip() == importlib.metadata.version("llama-cpp-python")
    assert sys.executable in rows["python"]
    assert rows["free memory"].strip().endswith(" GiB")
    assert rows["default model"].strip().startswith("smollm2-135m (Q8_0, ")
    assert {"threads", "engine sandbox", "config", "models", "log", "platform", "llama.cpp"} <= {*rows}


def test_it_works_without_a_model_and_as_json(quoth: Run) -> None:
    found = json.loads(quoth("doctor", "--json").stdout)
    assert found["version"] == __version__
    assert found["default model"] == 'none: run "quoth pull"'
    assert found["models"].endswith(" (not there yet)")
    assert isinstance(found["problems"], list)


@pytest.mark.parametrize(
    ("prefix", "begins"),
    [
        ("/home/me/.local/share/uv/tools/quoth", "uv tool upgrade quoth --reinstall-package llama-cpp-python "),
        ("/home/me/.local/share/pipx/venvs/quoth", "pipx runpip quoth install --force-reinstall "),
        ("/home/me/venv", f"{sys.executable} -m pip install --force-reinstall "),
    ],
)
def test_the_line_for_a_gpu_fits_the_way_of_installation(prefix: str, begins: str) -> None:
    assert gpu_line(prefix).startswith(begins)
    assert "/cu124" in gpu_line(prefix)
