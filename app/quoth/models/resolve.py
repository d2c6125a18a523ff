"""Which model a name means, and which one is used when the user named none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quoth.models import OTHER_TOOLS, ModelFile, catalogue

if TYPE_CHECKING:
    from quoth.models.installed import InstalledModels


def resolve(
    name: str, *, store: InstalledModels, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> ModelFile:
    """The model that a name or a path means. Raises ModelError with the nearest names and what to do.

    Tried in this order: a path, an installed model, one that another tool left on the disk. What the catalogue knows
    but is not here is refused with the line that would fetch it.
    """
    path = _is_path(name)
    installed = None if path else store.get(name)
    if installed is not None:
        return installed
    from quoth.models import uninstalled  # and with it other tools and GGUF headers, which an answer does not need

    if path:
        return uninstalled.from_path(Path(os.path.expanduser(name)))
    return uninstalled.from_name(name, store, environment, home)


def default_model(
    *,
    configured: str | None,
    store: InstalledModels,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> ModelFile | None:
    """The configured model, else the default of the installed ones, else the best of them, else None."""
    chosen = configured or store.get_default()
    if chosen:
        return resolve(chosen, store=store, environment=environment, home=home)
    return best(store.list().models)


def best(models: Iterable[ModelFile], *, room: int | None = None) -> ModelFile | None:
    """The model to use when none was named: one that chats and fits `room` bytes; then by tier; then the largest."""

    def rank(model: ModelFile) -> tuple[bool, int, int]:
        row = catalogue.row_of(model.name, model.origin)
        return model.kind != "chat", catalogue.BEST_FIRST.index(row.tier if row else "other"), -model.size

    fitting = [model for model in models if room is None or model.size <= room]
    return min(fitting, key=rank, default=None)


def _is_path(name: str) -> bool:
    """A name can hold a slash too ("ollama:hf.co/OWNER/REPO:Q4"): then it is a path only if something is there."""
    if name.startswith((*(f"{origin}:" for origin in OTHER_TOOLS), "hf:", "index:")):
        return False
    path = Path(name)
    if name.lower().endswith(".gguf") or name.startswith(("~", ".")) or path.is_absolute():
        return True
    return len(path.parts) > 1 and os.path.lexists(path)
