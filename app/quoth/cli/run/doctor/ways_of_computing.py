"""The ways of computing in `quoth doctor`: how each performs here, what hinders the faster ones, what would help."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from quoth.cli.run.doctor.reinstall import AMX_FLAG, from_source, from_wheels
from quoth.engine.client.rung_findings import FindingsEntry
from quoth.engine.ladder import BY_NAME, Finding, Fingerprint, Known, Rung, choose, usable

# The processor features that a build reports, and the kernel's names of them.
FEATURES = {
    "SSE3": "pni", "SSSE3": "ssse3", "AVX": "avx", "AVX_VNNI": "avx_vnni", "AVX2": "avx2", "F16C": "f16c",
    "FMA": "fma", "BMI2": "bmi2", "AVX512": "avx512f", "AVX512_VBMI": "avx512vbmi", "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16", "AMX_INT8": "amx_int8", "NEON": "asimd", "FP16_VA": "asimdhp", "SVE": "sve",
    "DOTPROD": "asimddp", "MATMUL_INT8": "i8mm", "SME": "sme",
}  # fmt: skip
_DRIVER = re.compile(r"driver|insufficient|failed to init", re.IGNORECASE)


class Way(NamedTuple):
    """A rung of the ladder, and what was found of it."""

    rung: Rung
    finding: Finding | None
    in_use: bool

    @property
    def sentence(self) -> str:
        if self.finding is None:
            return f"{self.rung.title}: not tried"
        if self.finding.failed:
            return f"{self.rung.title}: fails ({self.finding.failed})"
        speed = f"reads {self.finding.read:,.0f} and writes {self.finding.write:,.1f} tokens/s"
        return f"{self.rung.title}: works, {speed}{'; in use' if self.in_use else ''}"


def ways(gpu: bool, known: Known) -> list[Way]:
    """Every way of this build, the fastest first."""
    rungs = usable(gpu)
    used = choose(rungs, known._replace(died_on=""))
    tried = known.findings
    return [Way(rung, tried.get(rung.name), rung == used and rung.name in tried) for rung in rungs]


def features_of(system: str) -> list[str]:
    """The names in "CPU : AVX2 = 1 | FMA = 1 | ..."."""
    present = [part for part in system.split("|") if part.strip().endswith("= 1")]
    return [part.split("=")[0].split(":")[-1].strip() for part in present]


def threaded_by(native: dict[str, Any]) -> str:
    """The library that runs threads. Without OpenMP a 1.5B model read 77 and wrote 31 tokens/s on two cores, with it
    72 and 35; beside eight busy programs 6.8 and 4.2, and 5.6 and 5.0."""
    if "OPENMP" in features_of(native["system"]):
        return "OpenMP"
    return "llama.cpp itself: this build has no OpenMP, and is about as fast without"


def unused(native: dict[str, Any]) -> list[str]:
    """Features of this processor that the build does not use."""
    used, here = features_of(native["system"]), native["features"]
    return [name for name, flag in FEATURES.items() if flag in here and name not in used]


def lacking(native: dict[str, Any]) -> list[str]:
    """Features that the build uses and this processor lacks; none if the kernel lists no features."""
    here = native["features"]
    return [name for name in features_of(native["system"]) if here and FEATURES.get(name, here[0]) not in here]


def problems(native: dict[str, Any], found: Sequence[Way]) -> Iterator[str]:
    """What hinders a faster way, and the command that would help."""
    failed = {way.rung.name: way.finding.failed for way in found if way.finding and way.finding.failed}
    if short := lacking(native):
        yield f"this build uses {', '.join(short)}, which this processor lacks. Compile it here: {from_source()}"
    if native["driver"]:
        yield f"the GPU's driver ends the program ({native['driver']}). Update it, then: quoth doctor --prove"
    elif native["for_gpus"] and not native["gpu"]:
        said = next((line for line in native["log"] if _DRIVER.search(line)), "it finds no device")
        yield f"this build is for a GPU and cannot use one ({said}). Update the GPU's driver"
    if "gpu" in failed:
        yield (
            f"the GPU is not used ({failed['gpu']}). Update its driver, then: quoth doctor --prove. "
            f"For a build without it: {from_wheels('cpu')}"
        )
    if "cpu-extra" in failed and "amx_int8" in native["features"]:
        yield (
            f"AMX is not used ({failed['cpu-extra']}): gcc compiles its set-up wrongly. With it, reading is 1.6 to 1.8 "
            f"times as fast. Compile it without that fault, with this flag or with clang: {from_source(AMX_FLAG)}"
        )
    elif "cpu-extra" in failed:
        yield f"repacked weights are not used ({failed['cpu-extra']}). Compile it on this machine: {from_source()}"


def progress(entries: Sequence[FindingsEntry], about: Fingerprint) -> str:
    """This build's speed against that of the previous one, on the same processor and kind of model; "" if unknown."""
    alike = [entry for entry in entries if (entry.about.processor, entry.about.model) == (about.processor, about.model)]
    now = next((entry for entry in alike if entry.about.key == about.key), None)
    before = next((entry for entry in alike if entry.about.build != about.build), None)
    if now is None or before is None:
        return ""
    ours, theirs = _used(now.known), _used(before.known)
    if not (ours and theirs and theirs.read and theirs.write):
        return ""
    day = time.strftime("%Y-%m-%d", time.localtime(before.since))
    read, write = ours.read / theirs.read, ours.write / theirs.write
    return f"reads {read:.2f} and writes {write:.2f} times as fast as the build that was proved on {day}"


def _used(known: Known) -> Finding | None:
    return next((f for name in BY_NAME if (f := known.findings.get(name)) is not None and not f.failed), None)
