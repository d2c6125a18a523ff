"""Reading and writing through the worker, against the bare loop over llama_decode and the high-level library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from quoth.engine.client.client import Client
from quoth.engine.worker.kv_cache import slices
from quoth.platform import processors
from tests.bench.peers import PEERS, Speed, Task
from tests.bench.places import ROOT, is_chosen, large_model, small_model
from tests.bench.report import Figure, Floor, PeerDied, Report, alternate, living
from tests.real_model import proved_rung

# Model, its file, parameters, sentences to read, tokens to write.
CASES: tuple[tuple[str, Callable[[], Path], int, int, int], ...] = (
    ("135M", small_model, 134_515_008, 9, 64),
    ("1.7B", large_model, 1_711_376_384, 1, 16),
)


TURNS = 6  # measurements of a process


def run(report: Report, rounds: int) -> None:
    for name, file, n_params, reports, write in _chosen_case() or CASES:
        threads = processors.physical_cores()
        most = slices(n_params, threads, False).most
        task = Task(str(file()), threads, most, reports, write, proved_rung(file()).extra_buffers)
        results = measure(report, task, rounds)
        ours = results["quoth"]
        least = Floor(0.95, least=True)
        for peer in ("bare", "library"):
            theirs = results.get(peer, [])
            rate = partial(Figure, unit="tokens/s", peer_name=peer)
            floor = least if peer == "bare" else None
            report.figures += [
                rate(f"{name} reading", ours=[s.reading for s in ours], peer=[s.reading for s in theirs]),
                rate(f"{name} writing", ours=[s.writing for s in ours], peer=[s.writing for s in theirs], floor=floor),
                rate(
                    f"{name} reading, seen by the caller",
                    ours=[s.wall_reading for s in ours],
                    peer=[s.wall_reading for s in theirs],
                ),
                rate(
                    f"{name} writing, seen by the caller",
                    ours=[s.wall_writing for s in ours],
                    peer=[s.wall_writing for s in theirs],
                    floor=floor,
                ),
            ]
        first = ours[0]
        report.notes.append(
            f"{name}: {first.read_tokens} tokens read in slices of up to {task.slice}, {first.write_tokens} written by "
            f"quoth; {threads} threads"
        )


def _chosen_case() -> tuple[tuple[str, Callable[[], Path], int, int, int], ...]:
    """What --model names, as a case."""
    if not is_chosen():
        return ()
    client = Client(small_model())
    info = client.ready()
    client.close()
    return ((info.name, small_model, info.n_params, 2, 32),)


class Peer:
    """A process that holds a model and measures when it is asked."""

    def __init__(self, name: str, task: Task) -> None:
        command = [sys.executable, "-m", "tests.bench.peers", name, json.dumps(asdict(task))]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self) -> Speed:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise PeerDied(f"exit code {self._process.wait()}")
        return Speed(**json.loads(line))

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate(timeout=60)


def measure(report: Report, task: Task, rounds: int) -> dict[str, list[Speed]]:
    """Each round has a process for each peer; they take turns for a second or two, since the machine changes its speed
    within seconds, and a process keeps what it got of memory and caches."""
    results: dict[str, list[Speed]] = {name: [] for name in PEERS}
    for _ in range(rounds):
        peers = {name: Peer(name, task) for name in PEERS}
        alive = living(report, {name: peer.measure for name, peer in peers.items()})
        for name, speeds in alternate(alive, TURNS).items():
            results[name] += speeds
        for peer in peers.values():
            peer.close()
    return results
