"""What a command does not need, it does not import; and native code is never in the process that holds the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.more


NEVER = {"llama_cpp", "quoth.native"}
HEAVY = {"textual", "numpy", "jinja2", "rich", "huggingface_hub", "httpx", "torch", "pip"}
SLOW = {"ssl", "urllib.request", "http.client", "asyncio", "platformdirs", "multiprocessing", "email"}
PROGRAM = """
import sys
out, sys.argv = sys.argv[1], ["quoth", *sys.argv[2:]]
from quoth.__main__ import main
code = main()
with open(out, "w") as file:
    file.write("\\n".join(sys.modules))
raise SystemExit(code)
"""


def imported(environ: dict[str, str], folder: Path, *arguments: str) -> set[str]:
    """The modules that a command has loaded in its own process when it ends."""
    out = folder / "modules"
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(out), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**environ, "QUOTH_THREADS": "1"},
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert b"Traceback" not in result.stderr
    return set(out.read_text().splitlines())


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["models"],
        ["models", "--json"],
        ["models", "show", "smollm2-135m"],
        ["models", "--help"],
        ["tokens", "FILE"],
        ["complete", "Once", "-n", "2"],
        ["Say hello.", "-n", "2"],
        ["-f", "FILE", "Summarize.", "--json", "-n", "2"],
        ["completions", "bash"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    modules = imported(environ, tmp_path, *(str(tmp_path / "text") if a == "FILE" else a for a in arguments))
    assert "quoth.cli.main" in modules
    assert not modules & NEVER
    assert not modules & HEAVY
    if arguments[0] not in ("doctor", "completions", "models"):
        assert not modules & SLOW


def test_help_and_version_load_no_engine(environ: dict[str, str], tmp_path: Path) -> None:
    for flag in ("--help", "--version"):
        modules = imported(environ, tmp_path, flag)
        assert not {name for name in modules if name.startswith(("quoth.engine.", "quoth.models.", "quoth.gguf"))}


def test_the_converters_are_not_loaded_by_an_answer(environ: dict[str, str], installed: Path, tmp_path: Path) -> None:
    modules = imported(environ, tmp_path, "Say hello.", "-n", "2")
    assert not {name for name in modules if name.startswith("quoth_converters")}
    assert json.dumps(sorted(name for name in modules if name.startswith("quoth.tui"))) == "[]"


def test_a_worker_is_started_before_anything_costly_is_imported() -> None:
    costly = "{'typing', 'inspect', 'click', 'pathlib'}"
    code = f"import sys; import quoth.__main__, quoth.workers.spawn; print({costly} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parents[1] / "app")},
        capture_output=True,
    )
    assert done.stdout == b"set()\n"
