"""Ways of computing, from the fastest to the one that always works, and which of them to try.

A way that ends the process, hangs or computes nonsense on this machine is stepped over: a rung is trusted once it has
proved itself in the worker (proof.py), and what was found is kept (findings.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple


class Rung(NamedTuple):
    """One way of computing."""

    name: str
    title: str
    what: str  # that it uses and the rungs below do not: "... does not work here"
    where: str  # it computes, in place of what does not work
    gpu_share: float = 0.0  # of the layers that fit on the GPU
    extra_buffers: bool = False  # weights laid out anew for this processor: ggml's repacking, AMX
    one_thread: bool = False


RUNGS = (
    Rung("gpu", "as many layers on the GPU as fit", "the GPU", "the GPU", 1.0, extra_buffers=True),
    Rung("gpu-half", "half as many", "half of the GPU", "the GPU with half as many layers", 0.5, extra_buffers=True),
    Rung("cpu-extra", "weights laid out for this processor", "AMX and repacked weights", "the processor", 0.0, True),
    Rung("cpu", "weights as they are in the file", "several threads", "the processor without them"),
    Rung("one-thread", "the same with one thread", "the processor", "one thread", one_thread=True),
)
BY_NAME = {rung.name: rung for rung in RUNGS}


class Finding(NamedTuple):
    """What is known of a rung: how it failed, or nothing and how fast it proved itself."""

    failed: str = ""  # "signal SIGSEGV", "nonsense: NMSE 0.3"
    noise: float = 0.0  # NMSE between a batch and the same tokens in small steps
    read: float = 0.0  # tokens a second, a batch of 64
    write: float = 0.0  # tokens a second, one at a time


class Known(NamedTuple):
    """What is known of the rungs for one build, machine and kind of model."""

    findings: Mapping[str, Finding] = {}
    died_on: str = ""  # the rung on which an engine died that had proved itself: the next start is lower, once


class Fingerprint(NamedTuple):
    """What a finding holds for: `key` changes when anything does that it depends on; the rest says so in words."""

    key: str
    build: str
    processor: str
    devices: str
    model: str  # architecture and quantization


class Unproved(Exception):
    """A way of computing does not work here; the text is how it showed."""


def usable(gpu: bool, only: str = "") -> tuple[Rung, ...]:
    """The rungs of a machine, `only` one of them if that was asked for."""
    return tuple(rung for rung in RUNGS if (gpu or not rung.gpu_share) and only in ("", rung.name))


def choose(rungs: Sequence[Rung], known: Known, failed: Collection[str] = ()) -> Rung | None:
    """The rung to start on: the highest that has not failed, ever or just now; lower after a death, where it can."""
    left = [r for r in rungs if r.name not in failed and not known.findings.get(r.name, Finding()).failed]
    names = [rung.name for rung in left]
    if known.died_on in names[:-1]:
        left = left[names.index(known.died_on) + 1 :]
    return left[0] if left else None
