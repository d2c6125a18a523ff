"""A cold one-shot: from the start of the command to the first byte of the answer and to the end, against `llm`."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.places import (
    is_chosen,
    llm_command,
    llm_environment,
    quoth_command,
    quoth_environment,
    shipped_copy,
)
from tests.bench.report import Figure, Floor, PeerDied, Report, alternate, living

PROMPT = "What is the capital of France? Answer with one word."
MOST = "32"  # tokens; the answer is shorter, as llm has no such option


@dataclass(frozen=True, slots=True)
class Shot:
    """Seconds to the first byte and to the end of the process, and the answer's size in bytes."""

    first: float
    end: float
    size: int


def run(report: Report, rounds: int) -> None:
    quoth, environment = quoth_command(), quoth_environment()
    peers = {"quoth": partial(shoot, [*quoth, PROMPT, "-n", MOST], environment)}
    if not is_chosen():
        peers["same file"] = partial(shoot, [*quoth, "-m", str(shipped_copy()), PROMPT, "-n", MOST], environment)
        peers["llm"] = partial(shoot, [*llm_command(), PROMPT], llm_environment())
    results = alternate(living(report, peers), rounds)  # byte code is compiled, files are in memory
    theirs = results.get("llm", ())
    for name, label in (("quoth", "as installed"), ("same file", "llm's own file, Q4_1")):
        ours = results.get(name, ())
        if not ours:
            continue
        floor = Floor(0.35) if name == "quoth" else None
        figure = partial(Figure, unit="s", peer_name="llm")
        report.figures += [
            figure(f"first byte, {label}", ours=[s.first for s in ours], peer=[s.first for s in theirs], floor=floor),
            figure(f"end, {label}", ours=[s.end for s in ours], peer=[s.end for s in theirs]),
        ]
    report.notes.append("bytes of the answers: " + ", ".join(f"{name} {s[0].size}" for name, s in results.items()))


def shoot(command: Sequence[str], environment: Mapping[str, str]) -> Shot:
    """Run a command with its output in a pipe. Raises PeerDied if it fails or says nothing."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0
    ) as process:
        assert process.stdout is not None
        size = len(os.read(process.stdout.fileno(), 1))
        first = time.perf_counter() - start
        while chunk := os.read(process.stdout.fileno(), 65536):
            size += len(chunk)
        code = process.wait()
        end = time.perf_counter() - start
    if code or not size:
        raise PeerDied(f"exit code {code}")
    return Shot(first, end, size)
