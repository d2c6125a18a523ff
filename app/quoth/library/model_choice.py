"""Which model is used: the one that was asked for, the default, or one that is here already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quoth.errors import StorageError
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.models.resolve import best, default_model, resolve

if TYPE_CHECKING:
    from quoth.models.offered_models import Choice


def chosen(workspace: Workspace) -> ModelFile | None:
    """The model that the settings name, else the default; None where there is none. Raises ModelError."""
    asked = workspace.settings.model
    if asked:
        return named(workspace, asked)
    return default_model(configured=None, store=workspace.store, environment=workspace.environ)


def named(workspace: Workspace, name: str) -> ModelFile:
    """The model that a name or a path means. Raises ModelError with the nearest names."""
    return resolve(name, store=workspace.store, environment=workspace.environ)


def found_here(workspace: Workspace) -> list[ModelFile]:
    """The models that other tools left on this machine."""
    from quoth.models import other_tools

    return list(other_tools.find(workspace.environ, None).models)


def best_here(models: Sequence[ModelFile]) -> ModelFile | None:
    """The best of the models that fit into free memory."""
    from quoth.platform.memory import free_memory

    return best(models, room=free_memory() or None)


def remember(workspace: Workspace, model: ModelFile) -> ModelFile:
    """Register a model of another tool in place, as the default: nobody is asked again. Where the disk refuses: not."""
    from quoth.models.installed import name_from

    try:
        added = workspace.store.add(model.path, name_from(model.name), origin=model.origin)
        workspace.store.set_default(added.name)
    except StorageError as error:
        workspace.tell(str(error))
        return model
    return added


def all_choices(workspace: Workspace) -> list[Choice]:
    """Installed models, what other tools left here, what can be fetched. Asks whether the hub is in reach."""
    from quoth.models.offered_models import Choice, choices
    from quoth.models.sources import hub

    installed = workspace.store.list().models
    here = [Choice(f"{m.name}: {m.size / 1e9:.1f} GB, {m.quantization}, installed", model=m) for m in installed]
    names = {model.name for model in installed} | {model.origin for model in installed}
    others = [model for model in found_here(workspace) if model.origin not in names]
    reachable = not workspace.offline and hub.reachable(hub.endpoint())
    offered = [choice for choice in choices(others, reachable) if choice.row is None or choice.row.name not in names]
    if workspace.offline:
        offered = [choice for choice in offered if choice.model is not None]
    return [*here, *offered]


def fit_sentence(workspace: Workspace, choice: Choice) -> str:
    """Whether a choice fits this machine: "needs 1.1 GB, 5.8 GB of memory are free: it fits"."""
    from quoth.gguf import read_header
    from quoth.models.memory_fit import fit
    from quoth.text.units import format_size

    if choice.model is None:
        return "" if choice.row is None else f"{choice.row.name} is fetched first: {format_size(choice.row.size)}"
    return fit(read_header(choice.model.path), workspace.free_memory()).sentence
