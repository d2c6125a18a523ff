"""Ways of computing, from the fastest to the one that always works, and which of them to try.

A way that crashes, hangs or computes nonsense on this machine is skipped: a rung is trusted once it has proved itself
in the worker (proof.py), and what was found is kept (rung_findings.py).
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
    Rung(
        "cpu-extra",
        "weights laid out for this processor",
        "a layout of weights for this processor",
        "the processor",
        extra_buffers=True,
    ),
    Rung("cpu", "weights as they are in the file", "several threads", "the processor without it"),
    Rung("one-thread", "the same with one thread", "the processor", "one thread", one_thread=True),
)
BY_NAME = {rung.name: rung for rung in RUNGS}

USUAL = (300, 150)  # tokens read and written
BETTER = 0.95  # of the time, or the higher rung stays: a single measurement is noisy


class Finding(NamedTuple):
    """What is known of a rung: how it failed, or how fast it is."""

    failed: str = ""  # "signal SIGSEGV", "nonsense: NMSE 0.3"
    noise: float = 0.0  # NMSE between a batch and the same tokens in small steps
    read: float = 0.0  # tokens a second, a batch of 64
    write: float = 0.0  # tokens a second, one at a time
    load: float = 0.0  # seconds that the weights took

    @property
    def exchange(self) -> float:
        """Seconds that a usual question and its answer would take, from the start of the worker."""
        return self.load + USUAL[0] / self.read + USUAL[1] / self.write


class Known(NamedTuple):
    """What is known of the rungs for one build, machine and kind of model."""

    findings: Mapping[str, Finding] = {}
    died_on: str = ""  # the rung on which an engine died that had proved itself: the next start is lower, once
    compared: bool = False  # the speeds were measured together: which is the fastest can be told

    def has_failed(self, rung: str) -> bool:
        return bool(self.findings.get(rung, Finding()).failed)


class Fingerprint(NamedTuple):
    """What a finding holds for: `key` changes when anything does that it depends on; the rest says so in words."""

    key: str
    build: str
    processor: str
    model: str  # architecture, quantization and size


class Unproved(Exception):
    """A way of computing does not work here; the text says how that showed."""


def usable(gpu: bool, only: str = "") -> tuple[Rung, ...]:
    """The rungs of a machine, or the one whose name is `only`."""
    return tuple(rung for rung in RUNGS if (gpu or not rung.gpu_share) and only in ("", rung.name))


def choose(rungs: Sequence[Rung], known: Known, failed: Collection[str] = ()) -> Rung | None:
    """The rung to start on: the highest that has not failed, ever or just now; lower after a death, where it can.

    Where several were measured together it is the fastest of them. That need not be the highest: on two cores with
    AVX-512, a 1.5B model at Q4_K_M with repacked weights read 90 and wrote 28 tokens/s and took 1.3 s to load, without
    110, 22 and 0.3 s. One thread is the fastest only while other programs are busy, which threads.py deals with.
    """
    left = [rung for rung in rungs if rung.name not in failed and not known.has_failed(rung.name)]
    names = [rung.name for rung in left]
    if known.died_on in names[:-1]:
        left = left[names.index(known.died_on) + 1 :]
    if not left:
        return None
    measured = [rung for rung in left if known.findings.get(rung.name, Finding()).write and not rung.one_thread]
    if known.compared and left[0] in measured:
        fastest = min(measured, key=lambda rung: known.findings[rung.name].exchange)
        if known.findings[fastest.name].exchange < BETTER * known.findings[left[0].name].exchange:
            return fastest
    return left[0]
