"""Converting and checking GPT-2 124M: against numpy's cast and one write of the same bytes, and peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from quoth_converters.families import Options
from quoth_converters.formats.source import open_source
from quoth_converters.pipeline import describe, write_conversion
from tests.bench.memory import MB, Watched, watch
from tests.bench.places import checkpoint, quoth_command, quoth_environment
from tests.bench.report import Figure, Floor, Report, alternate


def run(report: Report, rounds: int) -> None:
    source = checkpoint()
    with folder_on_disk() as folder:
        ways = {"quoth": partial(ours, source, folder), "numpy": partial(theirs, source, folder)}
        for warm in ways.values():
            warm()
        seconds = alternate(ways, rounds)
        bytes_ = (folder / "numpy.bin").stat().st_size
        report.figures.append(Figure("write F16", "s", seconds["quoth"], seconds["numpy"], "cast + write", Floor(1.5)))
        largest = max(4 * tensor.count for tensor in open_source(source).tensors.values()) / MB
        runs = {level: [command(source, folder, level) for _ in range(2)] for level in ("none", "quick", "full")}
    plain, quick, full = runs["none"], runs["quick"], runs["full"]
    for name, both in (("quoth convert --verify none", plain), ("--verify quick", quick), ("--verify full", full)):
        report.figures.append(Figure(name, "s", [seconds for seconds, _ in both]))
    for name, both, bound in (("checking, quick", quick, 15), ("checking, full", full, 60)):
        checked = [a - b for (a, _), (b, _) in zip(both, plain, strict=True)]
        report.figures.append(Figure(name, "s", checked, floor=Floor(bound, absolute=True)))
    whole, anonymous = [peak.pss / MB for _, peak in plain], [peak.anonymous / MB for _, peak in plain]
    report.figures += [
        Figure("peak memory of --verify none", "MB", anonymous, [largest] * 2, "largest tensor, F32"),
        Figure("beyond it", "MB", [each - largest for each in anonymous], floor=Floor(150, absolute=True)),
        Figure("with the pages of both files that are mapped", "MB", whole),
    ]
    report.notes.append(f"{bytes_ / MB:.0f} MB of F16 from {(source / 'model.safetensors').stat().st_size / MB:.0f} MB")


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    with TemporaryDirectory(dir=checkpoint().parent) as name:
        yield Path(name)


def ours(source: Path, folder: Path) -> float:
    began = time.perf_counter()
    write_conversion(describe(source, Options()), folder / "ours.gguf", force=True)
    return time.perf_counter() - began


def theirs(source: Path, folder: Path) -> float:
    """Each tensor cast where it lies and written; matrices are not even turned."""
    began = time.perf_counter()
    with (folder / "numpy.bin").open("wb") as file:
        for tensor in open_source(source).tensors.values():
            values = tensor.read()
            file.write((values.astype(np.float16) if values.ndim > 1 else values).data)
        file.flush()
        os.fsync(file.fileno())
    return time.perf_counter() - began


def command(source: Path, folder: Path, level: str, *more: str) -> tuple[float, Watched]:
    """Seconds of the whole command with `more` flags, and the peak of its processes' memory."""
    target = folder / f"{level}.gguf"
    line = [*quoth_command(), "convert", str(source), "-o", str(target), "--verify", level, "--force", *more]
    began = time.perf_counter()
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quoth_environment()
    ) as process:
        peak = watch(process)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, line)
    return time.perf_counter() - began, peak
