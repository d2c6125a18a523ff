"""The report of `quoth doctor`: versions, machine, ways of computing, folders, and what is wrong with them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quoth.cli.environment import Environment
from quoth.cli.printing import columns, print_result
from quoth.cli.run.doctor import ways_of_computing as ways
from quoth.cli.run.doctor.reinstall import from_source, from_wheels
from quoth.config import Folders
from quoth.engine.client.rung_comparison import prove_rungs
from quoth.engine.ladder import Known, usable
from quoth.errors import EngineError, ModelError, QuothError
from quoth.library.engines import bare_engine, load_options
from quoth.library.model_choice import chosen
from quoth.models import ModelFile
from quoth.platform.memory import free_memory
from quoth.platform.processors import physical_cores
from quoth.text.units import format_megabytes, format_size
from quoth.version import __version__

PROVING_ROUNDS = 2
NOT_YET, READ_ONLY, CANNOT_BE_MADE = " (not there yet)", " (read-only)", " (cannot be made)"
LOST = {  # if a folder cannot be written
    "models": "no model can be installed",
    "history": "no conversation is kept",
    "cache": "every run proves again how it can compute",
}
Row = tuple[str, str]


def diagnose(environment: Environment, *, prove: bool, as_json: bool) -> int:
    """Print the report. Returns the exit code: that of EngineError if no worker starts."""
    model, missing = _default_model(environment)
    if prove and model is None:
        raise ModelError("--prove needs a model", missing.removeprefix("none: "))
    try:
        native = _describe(environment, model)
    except EngineError as error:  # then the rest of the report matters all the more
        native, broken = None, error
    if native is None:
        rows, found, problems = [*_versions(None)], list[ways.Way](), [f"{broken}. To install it: {from_source()}"]
    else:
        known = _prove(environment, model, native) if prove and model else environment.findings.of(native["about"].key)
        found = ways.ways(native["gpu"], known) if model else []
        rows = [*_versions(native), *_machine(native), *_ways(environment, native, found, model)]
        problems = [*_problems(native), *ways.problems(native, found)]
    rows += [
        *((name, f"{path}{_state(path)}") for name, path in _places(environment.folders)),
        ("default model", f"{model.name} ({model.quantization}, {format_megabytes(model.size)})" if model else missing),
    ]
    problems += _unwritable(environment.folders)
    if model is None and environment.settings.model:
        problems.append(missing)
    computing = [{"name": w.rung.name, "in_use": w.in_use, **(w.finding._asdict() if w.finding else {})} for w in found]
    plain = {name: value for name, value in rows if not name.startswith(" ")}  # the ways have their own field
    fields = {**plain, "ways": computing, "problems": problems}
    print_result(environment.streams, as_json, fields, [*columns(rows), *(f"! {problem}" for problem in problems)])
    return 0 if native else int(EngineError.exit_code)


def _describe(environment: Environment, model: ModelFile | None) -> dict[str, Any]:
    """What a worker reports; if a GPU's driver crashes it, what one without the GPU reports."""
    kind = ((model.architecture, model.quantization), model.size) if model else (("", ""), 0)
    try:
        with bare_engine(environment) as engine:
            return {**engine.describe(*kind), "driver": ""}
    except EngineError as error:
        with bare_engine(environment) as engine:
            return {**engine.describe(*kind, without_gpu=True), "driver": error.why}


def _prove(environment: Environment, model: ModelFile, native: dict[str, Any]) -> Known:
    """Prove every way again; keep the findings if any way works, for otherwise the file is at fault."""
    rungs = usable(native["gpu"])
    environment.streams.say(f"proving {', '.join(rung.name for rung in rungs)} with {model.name}")
    options = load_options(environment, model)
    _, found = prove_rungs(model.path, options, rungs, rounds=PROVING_ROUNDS, log=environment.log)
    known = Known({**environment.findings.of(native["about"].key).findings, **found}, compared=True)
    if any(not finding.failed for finding in found.values()):
        environment.findings.put(native["about"], known)
    return known


def _versions(native: dict[str, Any] | None) -> Iterator[Row]:
    yield "quoth", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "platform", f"{platform.system()} {platform.machine()}"
    try:
        yield "llama-cpp-python", importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        yield "llama-cpp-python", "not installed"
    if native is not None:
        yield "llama.cpp", native["version"]
        yield "compiler", native["compiler"] or "not named in the library"


def _machine(native: dict[str, Any]) -> Iterator[Row]:
    for name, description, kind, free, total in native["devices"]:
        memory = f", {format_size(free)} of {format_size(total)} free" if kind in ("gpu", "igpu") else ""
        yield f"device {name}", f"{description.strip()} ({kind}{memory})"
    yield "processor features used", " ".join(ways.features_of(native["system"]))
    yield "not used", " ".join(ways.unused(native)) or "none of those that llama.cpp knows"
    yield "threads", f"{physical_cores()} (physical cores; {os.cpu_count()} logical)"
    yield "threads by", ways.threaded_by(native)
    yield "free memory", format_size(free_memory())
    yield "engine sandbox", native["sandbox"]


def _ways(
    environment: Environment, native: dict[str, Any], found: list[ways.Way], model: ModelFile | None
) -> Iterator[Row]:
    if model is None:
        return
    yield "ways to compute", f"{native['about'].model} ({model.name})"
    for way in found:
        yield f"  {way.rung.name}", way.sentence
    if said := ways.progress(environment.findings.entries, native["about"]):
        yield "  this build", said


def _places(folders: Folders) -> Iterator[tuple[str, Path]]:
    yield "config", folders.config_file
    yield "models", folders.models
    yield "history", folders.history
    yield "cache", folders.cache
    yield "log", folders.engine_log


def _unwritable(folders: Folders) -> Iterator[str]:
    for name, path in _places(folders):
        state = _state(path)
        if state and state != NOT_YET and name in LOST:
            yield f"{path}{state}: {LOST[name]}. Make that folder writable, or set QUOTH_HOME to another"


def _state(path: Path) -> str:
    if os.path.exists(path):  # Path.exists raises where a folder above cannot be searched
        return "" if os.access(path, os.W_OK) else READ_ONLY
    parent = next((p for p in path.parents if os.path.exists(p)), None)
    can_be_made = parent is not None and parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
    return NOT_YET if can_be_made else CANNOT_BE_MADE


def _default_model(environment: Environment) -> tuple[ModelFile | None, str]:
    try:
        return chosen(environment), 'none: run "quoth pull"'
    except QuothError as error:
        return None, str(error)


def _problems(native: dict[str, Any]) -> Iterator[str]:
    cuda = any("cuda" in name for name in native["libraries"])
    if not native["gpu"] and not cuda and nvidia_present():
        yield f"NVIDIA GPU present, this build is CPU only. To use it: {from_wheels('cu124')}"


def nvidia_present() -> bool:
    """Whether the NVIDIA driver is loaded, or on Windows its library installed."""
    if sys.platform == "win32":
        return Path(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvcuda.dll").exists()
    return Path("/proc/driver/nvidia/version").exists() or Path("/dev/nvidiactl").exists()
