"""Models that are not installed: a file, another tool's, or an unknown name, which is refused with what helps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from quoth.errors import ModelError, escaped
from quoth.gguf import read_header
from quoth.models import ModelFile, catalogue, describe, other_tools
from quoth.models.catalogue import CatalogueRow
from quoth.models.installed import InstalledModels


def from_name(name: str, store: InstalledModels, environment: Mapping[str, str], home: Path | None) -> ModelFile:
    """The model of another tool that a name means, or a file in this folder. Raises ModelError, or StorageError."""
    listing = other_tools.find(environment, home, headers=False)
    row = catalogue.find(name)
    match = _by_name(name, listing.models) or (_by_file(row, listing.models) if row else None)
    if match is not None:
        return other_tools.with_header(match)
    for broken in listing.broken:
        if name.casefold() in (broken.name.casefold(), f"{broken.origin}:{broken.name}".casefold()):
            raise ModelError(f"the model {name} is broken", broken.why, "Fetch it again with the tool it belongs to")
    store.check_folder()
    if row or name.startswith(("hf:", "index:")):
        raise ModelError(f"the model {name} is not here yet", try_=f"Run `quoth pull {name}`")
    if os.path.isfile(name):
        return from_path(Path(name))
    here = (model.name for model in (*store.list().models, *listing.models))
    known = {each.casefold(): each for each in (*(row.name for row in catalogue.ROWS), *here)}
    near = [escaped(known[each]) for each in get_close_matches(name.casefold(), known, n=3, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(near)}? " if near else ""
    raise ModelError(f"no model is called {escaped(name)!r}", try_=f"{hint}`quoth models` lists what there is")


def from_path(path: Path) -> ModelFile:
    """The model in a GGUF file. Raises ModelError with the nearest file."""
    if path.is_dir():
        files = sorted(file.name for file in path.glob("*.gguf"))
        held = "a GGUF file" if len(files) == 1 else f"{len(files)} GGUF files"
        why = f"it is a folder with {held}" if files else "it is a folder without GGUF files"
        raise ModelError(f"{path} is not a model", why, f"Try {path / files[0]}" if files else "Give a .gguf file")
    if not os.path.lexists(path):
        near = get_close_matches(path.name, [file.name for file in path.parent.glob("*.gguf")], n=1, cutoff=0.5)
        hint = f"Did you mean {path.with_name(near[0])}?" if near else "`quoth models` lists the models there are"
        raise ModelError(f"there is no model file {path}", try_=hint)
    return describe(read_header(path), path.stem, "file")


def _by_name(name: str, models: Iterable[ModelFile]) -> ModelFile | None:
    """By name or by "origin:name"; capitals do not matter, and Ollama's tag "latest" may be left out."""
    wanted = name.casefold()
    for model in models:
        known = model.name.casefold()
        names = {known, f"{model.origin.partition(':')[0]}:{known}"}
        if model.origin.startswith("ollama"):
            names |= {each.removesuffix(":latest") for each in names}
        if wanted in names:
            return model
    return None


def _by_file(row: CatalogueRow, models: Iterable[ModelFile]) -> ModelFile | None:
    """The very file of a catalogue row, fetched by another tool."""
    file = Path(row.file).name.casefold()
    return next((m for m in models if m.path.name.casefold() == file and m.size == row.size), None)
