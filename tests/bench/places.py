"""Where benchmarks keep what they make: models, a home with the demonstration model, the peer's virtual environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.bench.random_gpt2 import write_random_gpt2
from tests.bench.random_model import write_random_model
from tests.real_model import CACHE, REQUIREMENT, catalogue_model, demonstration_model, shipped_model

ROOT = Path(__file__).parents[2]
BENCH = (CACHE / "bench").resolve()
LLM = ("llm", REQUIREMENT, "llama-cpp-python==0.3.36")


_chosen: list[str] = []  # what --model names


def choose_model(name: str) -> None:
    """Have the benchmarks run on a model of the catalogue, or on a file, in place of the demonstration model."""
    _chosen[:] = [name]


def is_chosen() -> bool:
    """Whether --model names a model."""
    return bool(_chosen)


def model_or(name: str) -> Path:
    """The model that --model names, by its name or its file, else one of the catalogue."""
    chosen = (_chosen or [name])[0]
    return Path(chosen).resolve() if chosen.endswith(".gguf") else catalogue_model(chosen)


def small_model() -> Path:
    """A copy of the model that no other process maps: its pages count for one process only."""
    return _copied(model_or("smollm2-135m"))


def shipped_copy() -> Path:
    """The demonstration model as the package index has it, the file that the peer runs."""
    return _copied(shipped_model())


def _copied(source: Path) -> Path:
    target = BENCH / source.name
    if not target.exists():
        BENCH.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        shutil.copyfile(source, part)
        part.rename(target)
    return target


def large_model() -> Path:
    """Random weights of 1.7B shape, Q8_0, 1.8 GB; written once."""
    target = BENCH / "random-1.7B.Q8_0.gguf"
    if not target.exists():
        BENCH.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}.part")
        write_random_model(part, demonstration_model())
        part.rename(target)
    return target


def checkpoint() -> Path:
    """A folder as save_pretrained writes it: GPT-2 124M with random weights; written once."""
    target = BENCH / "random-gpt2"
    if not target.exists():
        part = target.with_suffix(f".{os.getpid()}.part")
        write_random_gpt2(part)
        part.rename(target)
    return target


def quoth_command() -> list[str]:
    """The console script beside this interpreter, as a person runs it."""
    name = Path(sys.executable).with_name("quoth.exe" if sys.platform == "win32" else "quoth")
    return [str(name)] if name.exists() else [sys.executable, "-m", "quoth"]


def quoth_environment() -> dict[str, str]:
    """A home of its own where the model is the default, and no network."""
    from quoth.models.installed import InstalledModels

    model = small_model()
    home = BENCH / f"home-{model.stem}"
    store = InstalledModels(home / "data" / "models")
    if not store.list().models:
        store.add(model, "model", origin="file")
    for path in (model, shipped_copy()):
        store.trust(path)
    return {**_kept(), "QUOTH_HOME": str(home), "QUOTH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}


def llm_command() -> list[str]:
    """`llm` with the same model, in a virtual environment made at the first use."""
    folder = BENCH / "llm-venv"
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    command = scripts / "llm"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(scripts / "python"), "-m", "pip", "install", "-q", *LLM], check=True)
        (folder / "ready").touch()
    return [str(command), "-m", "SmolLM2", "--no-log"]


def llm_environment() -> dict[str, str]:
    return {**_kept(), "LLM_USER_PATH": str(BENCH / "llm-home")}


def _kept() -> dict[str, str]:
    """The environment without what concerns either program; byte code is kept, as on anybody's machine."""
    ours = ("QUOTH_", "HF_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
