"""Proving a way of computing: what it costs at the first start, what a crash costs, and how far right ways differ."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.engine.ladder import RUNGS
from quoth.engine.worker.proof import TOLERANCE
from tests.bench.places import BENCH, ROOT, is_chosen, model_or, small_model
from tests.bench.report import Figure, Floor, Report, alternate
from tests.broken_build import broken_build
from tests.real_model import demonstration_model

KINDS = (
    "Q2_K",
    "Q3_K_M",
    "Q4_0",
    "Q4_1",
    "Q4_K_M",
    "Q5_0",
    "Q5_K_M",
    "Q6_K",
    "Q8_0",
    "IQ4_NL",
    "IQ4_XS",
    "F16",
    "BF16",
)
LARGE = "qwen2.5-coder-1.5b"


def run(report: Report, rounds: int) -> None:
    """Of the demonstration model and of a 1.5B one, unless --model names another."""
    cases = {small_model(): Floor(0.4, absolute=True)}
    if not is_chosen():
        cases[model_or(LARGE)] = Floor(3.0, absolute=True)
    for model, floor in cases.items():
        report.figures += _costs(model, floor, rounds)
    noise = dict(_noise())
    worst = max(noise, key=lambda kind: noise[kind])
    report.figures.append(Figure("most that right ways differ", "NMSE", [noise[worst]], floor=Floor(TOLERANCE)))
    report.notes.append("NMSE by kind, the worst rung of each: " + ", ".join(f"{k} {n:.1e}" for k, n in noise.items()))


def _costs(model: Path, floor: Floor, rounds: int) -> Iterator[Figure]:
    """Seconds until a model is ready: known before, to be proved, and behind a rung that crashes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build = broken_build(folder / "build", {"cpu-extra": "crash"})
        whole = broken_build(folder / "whole", {})  # with the same detour through Python, and the same rung in the end
        known, crashed, plain = folder / "known.json", folder / "crashed.json", folder / "plain.json"
        _ready(model, known, None)
        _ready(model, crashed, build)
        _ready(model, plain, whole, rung="cpu")
        starts = {
            "known": lambda: _ready(model, known, None),
            "new": lambda: _ready(model, folder / "new.json", None),
            "crash": lambda: _ready(model, folder / "new.json", build),
            "crash known": lambda: _ready(model, crashed, build),
            "none known": lambda: _ready(model, plain, whole, rung="cpu"),
        }
        seconds = alternate(starts, rounds)
    proving = [new - known for new, known in zip(seconds["new"], seconds["known"], strict=True)]
    later = [crash - new for crash, new in zip(seconds["crash"], seconds["new"], strict=True)]
    yield Figure(f"{model.stem}: to prove it", "s", proving, floor=floor)
    yield Figure(f"{model.stem}: a crash first, beyond that", "s", later, floor=Floor(1.5, absolute=True))
    ours, none = seconds["crash known"], seconds["none known"]
    yield Figure(f"{model.stem}: ready, a crash remembered", "s", ours, none, "never a crash", Floor(1.05))


def _ready(model: Path, findings: Path, build: Path | None, rung: str = "") -> float:
    """Seconds until a new client has loaded the model; what "new" finds out is forgotten."""
    path = os.pathsep.join([*([str(build)] if build else []), str(ROOT / "app")])
    code = (
        "import sys, time; from pathlib import Path; from quoth.engine.client.client import Client; "
        "from quoth.engine.client.rung_findings import Findings; "
        "from quoth.engine import LoadOptions; began = time.monotonic(); "
        "options = LoadOptions(rung=sys.argv[3]); findings = Findings(Path(sys.argv[2])); "
        "client = Client(Path(sys.argv[1]), options, findings=findings); client.ready(); "
        "print(time.monotonic() - began); client.close()"
    )
    command = [sys.executable, "-c", code, str(model), str(findings), rung]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    if findings.name == "new.json":
        findings.unlink()
    return float(done.stdout)


def _noise() -> Iterator[tuple[str, float]]:
    """How far a batch and small steps are apart, for many quantizations of one model and for those of other models."""
    for kind in KINDS:
        target = BENCH / "kinds" / f"{kind}.gguf"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            client = Client(None)
            client.quantize(demonstration_model(), target, kind)
            client.close()
        yield kind, max(_apart(target))
    for name in ("qwen2.5-coder-0.5b", LARGE):
        yield name, max(_apart(model_or(name) if not is_chosen() else small_model()))


def _apart(model: Path) -> Iterator[float]:
    for rung in RUNGS:
        if not rung.gpu_share:
            client = Client(model, LoadOptions(rung=rung.name))
            client.ready()
            yield client.climb.finding.noise
            client.close()
