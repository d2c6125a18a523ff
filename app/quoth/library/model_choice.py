"""Which model is used: the one that was asked for, or the default."""

from __future__ import annotations

from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.models.resolve import default_model, resolve


def chosen(workspace: Workspace) -> ModelFile | None:
    """The model that the settings name, else the default; None where there is none. Raises ModelError."""
    return default_model(configured=workspace.settings.model, store=workspace.store, environment=workspace.environ)


def named(workspace: Workspace, name: str) -> ModelFile:
    """The model that a name or a path means. Raises ModelError with the nearest names."""
    return resolve(name, store=workspace.store, environment=workspace.environ)
