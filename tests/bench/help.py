"""`quoth --help` against the bare interpreter."""

from __future__ import annotations

import sys
from functools import partial

from tests.bench.cold import shoot
from tests.bench.places import quoth_command, quoth_environment
from tests.bench.report import Figure, Floor, Report, alternate

ROUNDS = 3  # for each one asked for: these are short


def run(report: Report, rounds: int) -> None:
    environment = quoth_environment()
    python = [sys.executable, "-c", "pass; print()"]
    peers = {
        "quoth": partial(shoot, [*quoth_command(), "--help"], environment),
        "version": partial(shoot, [*quoth_command(), "--version"], environment),
        "python": partial(shoot, python, environment),
    }
    results = alternate(peers, rounds * ROUNDS)
    python_ms = [shot.end * 1000 for shot in results["python"]]
    for name, floor in (("quoth", Floor(150, absolute=True)), ("version", None)):
        label = "quoth --help" if name == "quoth" else "quoth --version"
        ms = [shot.end * 1000 for shot in results[name]]
        report.figures.append(Figure(label, "ms", ms, python_ms, "python -c pass", floor))
