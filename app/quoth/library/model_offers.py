"""What to use where no model is chosen: models on this machine, models to fetch, and whether they fit."""

from __future__ import annotations

from collections.abc import Sequence

from quoth.errors import StorageError
from quoth.gguf import read_header
from quoth.library.engines import bare_engine
from quoth.library.workspace import Workspace
from quoth.models import ModelFile, other_tools
from quoth.models.installed import name_from
from quoth.models.memory_fit import FreeMemory, fit
from quoth.models.offered_models import Choice, choices
from quoth.models.resolve import best
from quoth.models.sources import hub
from quoth.platform import memory
from quoth.text.units import format_size


def found_here(workspace: Workspace) -> list[ModelFile]:
    """The models that other tools left on this machine."""
    return list(other_tools.find(workspace.environ, None).models)


def best_here(models: Sequence[ModelFile]) -> ModelFile | None:
    """The best of the models that fit into free memory."""
    return best(models, room=memory.free_memory() or None)


def remember(workspace: Workspace, model: ModelFile) -> ModelFile:
    """Register a model of another tool in place as the default, so that the question is asked once only.

    Where it cannot be written the model is returned as it is, and the user is told.
    """
    try:
        added = workspace.store.add(model.path, name_from(model.name), origin=model.origin)
        workspace.store.set_default(added.name)
    except StorageError as error:
        workspace.tell(str(error))
        return model
    return added


def all_choices(workspace: Workspace) -> list[Choice]:
    """Installed models, those of other tools, those that can be fetched. Asks whether the hub can be reached."""
    installed = workspace.store.list().models
    here = [Choice(f"{m.name}: {format_size(m.size)}, {m.quantization}, installed", model=m) for m in installed]
    names = {model.name for model in installed} | {model.origin for model in installed}
    others = [model for model in found_here(workspace) if model.origin not in names]
    reachable = not workspace.offline and hub.reachable(hub.endpoint())
    offered = [choice for choice in choices(others, reachable) if choice.row is None or choice.row.name not in names]
    if workspace.offline:
        offered = [choice for choice in offered if choice.model is not None]
    return [*here, *offered]


def free_memory(workspace: Workspace) -> FreeMemory:
    """Free main and GPU memory, as the engine's build sees them."""
    with bare_engine(workspace) as engine:
        devices = engine.describe()["devices"]
    return FreeMemory(memory.free_memory(), sum(free for _, _, kind, free, _ in devices if kind == "gpu"))


def fit_sentence(workspace: Workspace, choice: Choice) -> str:
    """Whether a choice fits this machine: "needs 1.1 GB, 5.8 GB of memory are free: it fits"."""
    if choice.model is None:
        return "" if choice.row is None else f"{choice.row.name} is fetched first: {format_size(choice.row.size)}"
    return fit(read_header(choice.model.path), free_memory(workspace)).sentence
