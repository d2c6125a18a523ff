"""Models: what one is, and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from quoth.errors import ModelError

FOUND_ORIGINS = ("ollama", "lmstudio", "hf-cache", "llama.cpp")


class ModelFile(NamedTuple):
    """A model on this machine. `origin` is where it came from: "hf:OWNER/REPO:QUANT", "ollama:NAME", "file", ..."""

    name: str
    path: Path
    origin: str
    size: int  # bytes, all parts together
    quantization: str = ""
    architecture: str = ""
    kind: Literal["chat", "base"] = "chat"
    n_ctx_train: int = 0  # tokens
    sha256: str | None = None
    installed: bool = False  # it is in the store

    @property
    def key(self) -> str:
        """What tells this model from any other: its hash, or its file's path, size and time."""
        if self.sha256:
            return self.sha256
        found = self.path.stat()
        return f"{self.path.absolute()}:{found.st_size}:{found.st_mtime_ns}"


class Broken(NamedTuple):
    """A model that is there but cannot be used, and why."""

    name: str
    origin: str
    why: str


class ModelListing(NamedTuple):
    """What a place holds."""

    models: tuple[ModelFile, ...] = ()
    broken: tuple[Broken, ...] = ()


def describe(path: Path, name: str, origin: str, *, sha256: str | None = None, installed: bool = False) -> ModelFile:
    """A model from the header of its file. Raises ModelError if that is not a GGUF file."""
    from quoth.gguf import read_header

    header = read_header(path)
    try:
        size = sum(part.stat().st_size for part in header.parts)
    except OSError:
        raise ModelError(
            f"{path.name} is not complete", f"it needs {len(header.parts)} parts", "Fetch the missing ones"
        ) from None
    return ModelFile(
        name=name,
        path=path,
        origin=origin,
        size=size,
        quantization=header.quantization,
        architecture=header.architecture,
        kind=header.kind,
        n_ctx_train=header.n_ctx_train,
        sha256=sha256,
        installed=installed,
    )
