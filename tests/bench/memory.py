"""Peak memory of a one-shot, all its processes together, against the model file and its KV state."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from quoth.gguf import read_header
from tests.bench.peers import BLOCK, Task
from tests.bench.places import large_model, quoth_command, quoth_environment, small_model
from tests.bench.report import Figure, Floor, Report

MB = 1_000_000
EVERY = 0.02  # seconds between two looks
WRITE = 32  # tokens
# Model, its file, sentences to read: some 40 tokens each.
CASES: tuple[tuple[str, Callable[[], Path], int], ...] = (
    ("135M, short prompt", small_model, 1),
    ("135M, long prompt", small_model, 60),
    ("1.7B, short prompt", large_model, 1),
    ("1.7B, long prompt", large_model, 9),
)


@dataclass(frozen=True, slots=True)
class Peak:
    """Bytes at the peak of the sum over all processes, and the tokens of the prompt."""

    pss: int  # shared pages divided among who shares them
    rss: int  # each process's own peak, added up: shared pages count in each
    prompt_tokens: int


@dataclass(frozen=True, slots=True)
class Watched:
    """Bytes: shared pages divided among who shares them, those of no file alone, and the highest resident set size."""

    pss: int
    anonymous: int
    rss: int


def run(report: Report, rounds: int) -> None:
    for name, file, reports in CASES:
        model = file()
        peaks = [measure(model, Task(str(model), 0, 0, reports, WRITE).text(0)) for _ in range(rounds)]
        bound = model.stat().st_size + kv_bytes(model, peaks[0].prompt_tokens + WRITE)
        base = [bound / MB] * rounds
        floor = Floor(200, absolute=True)
        over = [(peak.pss - bound) / MB for peak in peaks]
        report.figures += [
            Figure(f"{name}: peak", "MB", [p.pss / MB for p in peaks], base, "file + KV"),
            Figure(f"{name}: beyond file + KV", "MB", over, floor=floor),
            Figure(f"{name}: peak, shared pages twice", "MB", [p.rss / MB for p in peaks], base, "file + KV"),
        ]
        report.notes.append(f"{name}: {peaks[0].prompt_tokens} tokens read, {WRITE} written")


def kv_bytes(model: Path, tokens: int) -> int:
    """Bytes of the F16 KV state: 2 (keys, values) x 2 bytes x layers x KV heads x head width, for each token."""
    meta = read_header(model, tensors=False).metadata
    width = int(meta["llama.embedding_length"]) // int(meta["llama.attention.head_count"])
    cells = -(-tokens // BLOCK) * BLOCK
    return cells * 4 * int(meta["llama.block_count"]) * int(meta["llama.attention.head_count_kv"]) * width


def measure(model: Path, text: str) -> Peak:
    """Run a one-shot and look at its processes until it ends. Linux only."""
    import json

    command = [*quoth_command(), "-m", str(model), "-n", str(WRITE), "--json", "Go on with the reports."]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=quoth_environment()
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text.encode())
        process.stdin.close()
        peak = watch(process)
        answer = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Peak(peak.pss, peak.rss, int(json.loads(answer)["usage"]["prompt_tokens"]))


def watch(process: subprocess.Popen[bytes]) -> Watched:
    """Peaks of a process and all below it until it ends, bytes: with shared pages divided, and each one's own added."""
    pss, anonymous, tops = 0, 0, dict[int, int]()
    while process.poll() is None:
        now = {pid: _memory(pid) for pid in _family(process.pid)}
        pss = max(pss, sum(each.pss for each in now.values()))
        anonymous = max(anonymous, sum(each.anonymous for each in now.values()))
        tops.update({pid: each.rss for pid, each in now.items() if each.rss})
        time.sleep(EVERY)
    return Watched(pss, anonymous, sum(tops.values()))


def _family(pid: int) -> list[int]:
    """A process and all below it; those that are gone are left out."""
    found = [pid]
    for parent in found:
        for tasks in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, tasks.read_text().split())
            except OSError:
                continue
    return found


def _memory(pid: int) -> Watched:
    """What a process takes now, and the highest resident set size so far; zeroes if it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return Watched(0, 0, 0)
    return Watched(*(1024 * kib for kib in (_kib(rollup, "Pss:"), _kib(rollup, "Pss_Anon:"), _kib(status, "VmHWM:"))))


def _kib(text: str, name: str) -> int:
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)
