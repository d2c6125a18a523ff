"""`quoth doctor`: what this installation is and can do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from quoth import __version__
from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import QuothError

HELP = """Show versions, backends, threads, memory, folders, the default model and the engine's sandbox.

\b
Examples:
  quoth doctor
  quoth doctor --json
  quoth doctor --offline
"""

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"
GIB = 1024**3
Row = tuple[str, str]


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("offline", "quiet")
@click.pass_obj
def command(environment: Environment, /, as_json: bool, **flags: Any) -> int:
    environment.use(flags)
    with environment.bare_engine() as engine:
        native = engine.describe()
    rows = [*_versions(native), *_machine(native), *_folders(environment), *_model(environment)]
    problems = list(_problems(native))
    streams = environment.streams
    if as_json:
        import json

        found = {"version": __version__, **dict(rows), "problems": problems}
        streams.answer(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        width = max(len(name) for name, _ in rows)
        streams.answer("".join(f"{name:<{width}}  {value}\n" for name, value in rows))
        streams.answer("".join(f"! {problem}\n" for problem in problems))
    streams.finish()
    return 0


def _versions(native: dict[str, Any]) -> Iterator[Row]:
    yield "quoth", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "platform", f"{platform.system()} {platform.machine()}"
    yield "llama-cpp-python", importlib.metadata.version("llama-cpp-python")
    yield "llama.cpp", native["version"]


def _machine(native: dict[str, Any]) -> Iterator[Row]:
    from quoth.engine import host

    for name, description, kind, free, total in native["devices"]:
        memory = f", {free / GIB:.1f} of {total / GIB:.1f} GiB free" if kind in ("gpu", "igpu") else ""
        yield f"device {name}", f"{description.strip()} ({kind}{memory})"
    yield "processor features", _features(native["system"])
    yield "threads", f"{host.physical_cores()} (physical cores; {os.cpu_count()} logical)"
    yield "free memory", f"{host.free_memory() / GIB:.1f} GiB"
    yield "engine sandbox", native["sandbox"]


def _features(system: str) -> str:
    """Of "CPU : AVX2 = 1 | FMA = 1 | ..." the names."""
    present = [part for part in system.split("|") if part.strip().endswith("= 1")]
    return " ".join(part.split("=")[0].split(":")[-1].strip() for part in present)


def _folders(environment: Environment) -> Iterator[Row]:
    folders = environment.folders
    for name, path in (("config", folders.config_file), ("models", folders.models), ("log", folders.engine_log)):
        yield name, f"{path}{_state(path)}"


def _state(path: Path) -> str:
    if path.exists():
        return "" if os.access(path, os.W_OK) else " (read-only)"
    parent = next((p for p in path.parents if p.exists()), None)
    return " (not there yet)" if parent and os.access(parent, os.W_OK) else " (cannot be made)"


def _model(environment: Environment) -> Iterator[Row]:
    from quoth.models import default_model

    try:
        model = default_model(
            configured=environment.settings["model"], store=environment.store, environment=environment.environ
        )
    except QuothError as error:
        yield "default model", str(error)
        return
    if model is None:
        yield "default model", 'none: run "quoth pull"'
    else:
        yield "default model", f"{model.name} ({model.quantization}, {model.size / 1e6:,.0f} MB)"


def _problems(native: dict[str, Any]) -> Iterator[str]:
    if not native["gpu"] and nvidia_present():
        yield f"NVIDIA GPU present, this build is CPU only. To use it: {gpu_line()}"


def nvidia_present() -> bool:
    """Whether the kernel has an NVIDIA driver loaded, or Windows its library."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()


def gpu_line(prefix: str = sys.prefix) -> str:
    """The line that reinstalls llama-cpp-python with CUDA, for the way Quoth was installed."""
    version = importlib.metadata.version("llama-cpp-python")
    parts = Path(prefix).parts
    if "uv" in parts and "tools" in parts:
        return f"uv tool upgrade quoth --reinstall-package llama-cpp-python --extra-index-url {WHEELS}/cu124"
    wanted = f"--force-reinstall --no-deps llama-cpp-python=={version} --extra-index-url {WHEELS}/cu124"
    if "pipx" in parts:
        return f"pipx runpip quoth install {wanted}"
    return f"{sys.executable} -m pip install {wanted}"
