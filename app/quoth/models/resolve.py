"""Which model a name means, and which one is taken where nobody named one.

Names are tried in this order: a path, a model of the store, one that another tool left on the disk. What the
catalogue knows but nobody has is refused with the line that would fetch it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quoth.errors import ModelError, escaped
from quoth.models import FOUND_ORIGINS, ModelFile, describe

if TYPE_CHECKING:
    from quoth.models.catalogue import CatalogueRow
    from quoth.models.installed import InstalledModels


def resolve(
    name: str, *, store: InstalledModels, environment: Mapping[str, str] = os.environ, home: Path | None = None
) -> ModelFile:
    """The model that a name or a path means. Raises ModelError with the nearest names and what to do."""
    if _is_path(name):
        return _from_path(Path(os.path.expanduser(name)))
    installed = store.get(name)
    if installed is not None:
        return installed
    from quoth.models import catalogue, other_tools

    shelf = other_tools.find(environment, home, headers=False)
    row = catalogue.find(name)
    match = _match(name, shelf.models) or (_match_file(row, shelf.models) if row else None)
    if match is not None:
        return describe(match.path, match.name, match.origin, sha256=match.sha256)
    for broken in shelf.broken:
        if name.casefold() in (broken.name.casefold(), f"{broken.origin}:{broken.name}".casefold()):
            raise ModelError(f"the model {name} is broken", broken.why, "Fetch it again with the tool it belongs to")
    if row or name.startswith(("hf:", "index:")):
        raise ModelError(f"the model {name} is not here yet", try_=f"Run `quoth pull {name}`")
    if os.path.isfile(name):
        return _from_path(Path(name))
    raise _unknown(name, [model.name for model in (*store.list().models, *shelf.models)])


def default_model(
    *,
    configured: str | None,
    store: InstalledModels,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> ModelFile | None:
    """The configured model, else the store's default, else the best one installed, else None."""
    chosen = configured or store.get_default()
    if chosen:
        return resolve(chosen, store=store, environment=environment, home=home)
    return best(store.list().models)


def best(models: Iterable[ModelFile], *, room: int | None = None) -> ModelFile | None:
    """The model to take when nobody chose: one that chats and fits `room` bytes; then by class; then the largest."""
    from quoth.models import catalogue

    def rank(model: ModelFile) -> tuple[bool, int, int]:
        row = next((row for row in catalogue.ROWS if model.origin in row.origins or model.name == row.name), None)
        class_ = row.class_ if row else "other"
        return model.kind != "chat", catalogue.ORDER.index(class_), -model.size

    fitting = [model for model in models if room is None or model.size <= room]
    return min(fitting, key=rank, default=None)


def _is_path(name: str) -> bool:
    """A name can hold a slash too ("ollama:hf.co/OWNER/REPO:Q4"): then it is a path only if something is there."""
    if name.startswith((*(f"{origin}:" for origin in FOUND_ORIGINS), "hf:", "index:")):
        return False
    path = Path(name)
    if name.lower().endswith(".gguf") or name.startswith(("~", ".")) or path.is_absolute():
        return True
    return len(path.parts) > 1 and os.path.lexists(path)


def _from_path(path: Path) -> ModelFile:
    if path.is_dir():
        files = sorted(file.name for file in path.glob("*.gguf"))
        why = f"it is a folder with {len(files)} GGUF files" if files else "it is a folder without GGUF files"
        raise ModelError(f"{path} is not a model", why, f"Try {path / files[0]}" if files else "Give a .gguf file")
    if not os.path.lexists(path):
        raise ModelError(f"there is no model file {path}", try_=_siblings(path))
    return describe(path, path.stem, "file")


def _siblings(path: Path) -> str:
    from difflib import get_close_matches

    try:
        names = [file.name for file in path.parent.glob("*.gguf")]
    except OSError:
        names = []
    near = get_close_matches(path.name, names, n=1, cutoff=0.5)
    return f"Did you mean {path.with_name(near[0])}?" if near else "`quoth models` lists the models there are"


def _match(name: str, models: Iterable[ModelFile]) -> ModelFile | None:
    """By name or by "origin:name", capitals aside; Ollama's tag "latest" may be left out."""
    wanted = name.casefold()
    for model in models:
        known = model.name.casefold()
        names = {known, f"{model.origin.partition(':')[0]}:{known}"}
        if model.origin.startswith("ollama"):
            names |= {each.removesuffix(":latest") for each in names}
        if wanted in names:
            return model
    return None


def _match_file(row: CatalogueRow, models: Iterable[ModelFile]) -> ModelFile | None:
    """The very file of a catalogue row, fetched by another tool."""
    file = Path(row.file).name.casefold()
    return next((m for m in models if m.path.name.casefold() == file and m.size == row.size), None)


def _unknown(name: str, here: Iterable[str]) -> ModelError:
    from difflib import get_close_matches

    from quoth.models import catalogue

    known = {each.casefold(): each for each in (*(row.name for row in catalogue.ROWS), *here)}
    near = [known[each] for each in get_close_matches(name.casefold(), known, n=3, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(escaped(each) for each in near)}? " if near else ""
    return ModelError(f"no model is called {escaped(name)!r}", try_=f"{hint}`quoth models` lists what there is")
