"""Models: what one is, and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from quoth.errors import ModelError

if TYPE_CHECKING:
    from quoth.gguf import Header

OTHER_TOOLS = ("ollama", "lmstudio", "hf-cache", "llama.cpp")  # as origins


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
    installed: bool = False

    @property
    def key(self) -> str:
        """What tells this model from any other: its hash, or its file's path, size and time."""
        if self.sha256:
            return self.sha256
        status = self.path.stat()
        return f"{self.path.absolute()}:{status.st_size}:{status.st_mtime_ns}"


class BrokenModel(NamedTuple):
    """A model that is there but cannot be used, and why."""

    name: str
    origin: str
    why: str


class ModelListing(NamedTuple):
    """The models of a place."""

    models: tuple[ModelFile, ...] = ()
    broken: tuple[BrokenModel, ...] = ()


def describe(header: Header, name: str, origin: str, *, sha256: str | None = None) -> ModelFile:
    """A model from the header of its first file. Raises ModelError if other parts are missing."""
    try:
        size = sum(part.stat().st_size for part in header.parts)
    except OSError:
        why = f"it needs {len(header.parts)} parts"
        raise ModelError(f"{header.path.name} is not complete", why, "Fetch the missing ones") from None
    facts = header.quantization, header.architecture, header.kind, header.n_ctx_train
    return ModelFile(name, header.path, origin, size, *facts, sha256=sha256)
