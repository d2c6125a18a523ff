"""An answer beside busy programs: how much of its fair share of the cores it makes use of, against the library.

Beside N programs that each keep a core busy, a fair share is one part in N + 1 of the machine. Each figure is the speed
beside them over the speed alone, times N + 1: 1 is the fair share.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from quoth.platform import processors
from tests.bench import places
from tests.bench.peers import Task
from tests.bench.report import Figure, Floor, PeerDied, Report

BESIDE = (1, 2, 4, 8)  # busy programs
REPORTS, WRITE = 3, 12  # sentences of some 40 tokens to read, tokens to write
LEAST = Floor(0.7, least=True, absolute=True)


@dataclass(frozen=True, slots=True)
class Shot:
    """Seconds to load, to the first piece from there on, and tokens a second."""

    load: float
    first: float
    reading: float
    writing: float


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many programs that compute all the time."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    time.sleep(0.3 if count else 0.0)
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def run(report: Report, rounds: int) -> None:
    """One round at a time: alone and beside others in turn, since the machine changes its speed."""
    model = places.model_or("qwen2.5-coder-1.5b")
    task = Task(str(model), processors.physical_cores(), 512, REPORTS, WRITE)
    shots: dict[tuple[str, int], list[Shot]] = {}
    dead = set[str]()
    for _ in range(max(1, min(rounds, 3))):
        for beside in (0, *BESIDE):
            for name in ("quoth", "library"):
                if name in dead:
                    continue
                with busy(beside):
                    try:
                        shots.setdefault((name, beside), []).append(measure(name, task))
                    except PeerDied as error:
                        dead.add(name)
                        report.notes.append(f"{name} dies on this machine ({error}): no figures of it")
    for beside in BESIDE:
        for what in ("reading", "writing", "load", "first"):
            ours, peer = ([*_shares(shots, name, beside, what)] for name in ("quoth", "library"))
            label = {"load": "loading", "first": "to the first piece"}.get(what, what)
            floor = LEAST if what in ("reading", "writing") else None
            report.figures.append(Figure(f"{label} beside {beside}", "of its share", ours, peer, "library", floor))
    alone = shots["quoth", 0][0]
    report.notes.append(
        f"{model.name} alone: loads in {alone.load:.2f} s, first piece {alone.first:.2f} s later, reads "
        f"{alone.reading:.0f} and writes {alone.writing:.1f} tokens/s; {task.threads} threads"
    )


def _shares(shots: dict[tuple[str, int], list[Shot]], name: str, beside: int, what: str) -> Iterator[float]:
    for alone, shot in zip(shots.get((name, 0), ()), shots.get((name, beside), ()), strict=False):
        faster = getattr(shot, what) / getattr(alone, what)
        yield (beside + 1) * (faster if what in ("reading", "writing") else 1 / faster)


def measure(name: str, task: Task) -> Shot:
    """One answer by a new process. Raises PeerDied."""
    command = [sys.executable, "-m", "tests.bench.contention", name, json.dumps(asdict(task))]
    done = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PeerDied(f"exit code {done.returncode}")
    return Shot(**json.loads(done.stdout))


def quoth(task: Task) -> Shot:
    from quoth.engine import Done, LoadOptions, Piece, Request, Sampling, Text
    from quoth.engine.client.client import Client
    from quoth.engine.client.rung_findings import Findings
    from tests.real_model import FINDINGS

    began = time.monotonic()
    client = Client(Path(task.model), LoadOptions(n_ctx=1024), findings=Findings(FINDINGS))
    client.ready()
    loaded, first = time.monotonic(), 0.0
    for event in client.generate([Request(Text(task.text(0)), Sampling(temperature=0), task.write)]):
        if isinstance(event, Piece) and not first:
            first = time.monotonic()
        if isinstance(event, Done):
            usage = event.usage
    client.close()
    reading, writing = usage.prompt / usage.read_seconds, usage.generated / usage.write_seconds
    return Shot(loaded - began, first - loaded, reading, writing)


def library(task: Task) -> Shot:
    from llama_cpp import Llama

    began = time.monotonic()
    llama = Llama(task.model, n_ctx=1024, n_threads=task.threads, n_threads_batch=task.threads, verbose=False)
    loaded, times = time.monotonic(), list[float]()
    tokens = llama.tokenize(task.text(0).encode(), add_bos=False)
    for _ in llama.create_completion(tokens, max_tokens=task.write, stream=True, temperature=0.0):
        times.append(time.monotonic())
    written = llama.n_tokens - len(tokens)
    return Shot(loaded - began, times[0] - loaded, len(tokens) / (times[0] - loaded), written / (times[-1] - times[0]))


if __name__ == "__main__":
    print(json.dumps(asdict({"quoth": quoth, "library": library}[sys.argv[1]](Task(**json.loads(sys.argv[2]))))))
