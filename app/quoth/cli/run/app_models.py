"""The models of the chat app: the library's, over one workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quoth.engine import Engine, ModelInfo, Sampling
from quoth.library import model_choice
from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.models.offered_models import Choice

if TYPE_CHECKING:
    from quoth.models.pull_progress import PullProgress


class AppModels:
    """`quoth.tui.backend.Models` over a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._started: dict[str, Model] = {}  # by the name that the engine's own description has

    def chosen(self) -> ModelFile | None:
        return model_choice.chosen(self._workspace)

    def resolve(self, name: str) -> ModelFile:
        return model_choice.named(self._workspace, name)

    def choices(self) -> Sequence[Choice]:
        from quoth.library.model_offers import all_choices

        return all_choices(self._workspace)

    def remember(self, model: ModelFile) -> ModelFile:
        from quoth.library.model_offers import remember

        return remember(self._workspace, model)

    def pull(self, spec: str, progress: Callable[[PullProgress], None]) -> ModelFile:
        from quoth.library.model_pull import fetch

        return fetch(self._workspace, spec, progress)

    def fit(self, choice: Choice) -> str:
        from quoth.library.model_offers import fit_sentence

        return fit_sentence(self._workspace, choice)

    def start(self, file: ModelFile, progress: Callable[[float], None], tell: Callable[[str], None]) -> Engine:
        model = Model(self._workspace, file, tell=tell)
        try:
            model.ready(progress)
        except BaseException:
            model.close()
            raise
        self._started[file.name] = model
        return model.engine

    def sampling(self, info: ModelInfo) -> Sampling:
        return self._started[info.name].sampling()
