"""The library's model without one: an engine that says what is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from quoth.engine import ModelInfo
from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from tests.scripted_engine import Scripted


class ScriptedEngine(Scripted):
    """It loads at once."""

    def ready(self, progress: Callable[[float], None] = lambda done: None) -> ModelInfo:
        progress(0.5)
        return self.info


class ScriptedModel(Model):
    """The library's model, with an engine that says what is given."""

    def __init__(self, workspace: Workspace, file: ModelFile, engine: ScriptedEngine) -> None:
        self.file = file
        self.engine = engine  # type: ignore[assignment]  # it has all that is asked of a client
        self.workspace = workspace
        self._owns_workspace = False

    @cached_property
    def _parameters(self) -> int:
        """The script's, not the file's."""
        return self.engine.info.n_params
