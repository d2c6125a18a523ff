"""The models of the chat app: the same choice, store, pull and engine as every command's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from quoth.cli.environment import Environment
from quoth.config import SAMPLING
from quoth.engine import Engine, ModelInfo, Sampling
from quoth.models import ModelFile, default_model, resolve
from quoth.models.choices import Choice, choices
from quoth.models.defaults import sampling_values

if TYPE_CHECKING:
    from quoth.models.pull import Progress


class AppModels:
    """`quoth.tui.backend.Models` over an environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._started: dict[str, ModelFile] = {}  # by the name that the engine's own description has

    def chosen(self) -> ModelFile | None:
        environment = self._environment
        asked = environment.settings["model"]
        if asked:
            return self.resolve(asked)
        return default_model(configured=None, store=environment.store, environment=environment.environ)

    def resolve(self, name: str) -> ModelFile:
        return resolve(name, store=self._environment.store, environment=self._environment.environ)

    def choices(self) -> Sequence[Choice]:
        """Installed models, what other tools left here, and what can be fetched."""
        from quoth.models import found, hub

        environment = self._environment
        installed = environment.store.list().models
        here = [Choice(f"{m.name}: {m.size / 1e9:.1f} GB, {m.quantization}, installed", model=m) for m in installed]
        names = {model.name for model in installed} | {model.origin for model in installed}
        others = [model for model in found.find(environment.environ, None).models if model.origin not in names]
        reachable = not environment.offline and hub.reachable(hub.endpoint())
        offered = [
            choice for choice in choices(others, reachable) if choice.row is None or choice.row.name not in names
        ]
        if environment.offline:
            offered = [choice for choice in offered if choice.model is not None]
        return [*here, *offered]

    def remember(self, model: ModelFile) -> ModelFile:
        from quoth.cli.first_use import remember

        return remember(self._environment, model)

    def pull(self, spec: str, progress: Callable[[Progress], None]) -> ModelFile:
        from quoth.cli.pulling import fetch

        return fetch(self._environment, spec, progress)

    def fit(self, choice: Choice) -> str:
        from quoth.gguf import read_header
        from quoth.models.fit import estimate, judge

        if choice.model is None:
            return "" if choice.row is None else f"{choice.row.name} is fetched first: {choice.row.size / 1e9:.1f} GB"
        header = read_header(choice.model.path)
        free = self._environment.free_memory()
        need = estimate(header, min(header.n_ctx_train, 4096))
        return judge(need, free_main=free.main, free_gpu=free.gpu, n_layers=header.n_layers).sentence

    def start(self, model: ModelFile, progress: Callable[[float], None], tell: Callable[[str], None]) -> Engine:
        environment = self._environment
        store = environment.store
        if not store.is_trusted(model.path):
            from quoth.gguf import check, read_header

            check(read_header(model.path))
        self._started[model.name] = model
        client = environment.start_engine(model, tell)
        try:
            client.ready(progress)
        except BaseException:
            client.close()
            raise
        if not store.is_trusted(model.path):
            store.trust(model.path)
        return client

    def sampling(self, info: ModelInfo) -> Sampling:
        from quoth.cli.prompt import new_seed
        from quoth.tasks.reply import sampling_of

        settings = self._environment.settings
        asked = {name: (settings[name], settings.origin(name)) for name in SAMPLING}
        values = sampling_values(self._started[info.name], dict(info.sampling), asked)
        seed = settings["seed"] if settings["seed"] is not None else new_seed()
        return sampling_of({name: value for name, (value, _) in values.items()})._replace(seed=seed)
