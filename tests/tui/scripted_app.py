"""The app with a scripted engine: for pilot tests, for the benchmark's terminal, and for pictures.

`python -m tests.tui.scripted_app HOME [ANSWERS.json]` runs it on a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from quoth.config import Folders, folders, load
from quoth.engine import Engine, ModelInfo, Sampling
from quoth.errors import ModelError
from quoth.history import History
from quoth.models import ModelFile
from quoth.models.offered_models import Choice
from quoth.models.pull_progress import PullProgress
from quoth.tui.app import QuothApp
from quoth.tui.backend import Backend
from tests.scripted_engine import Script, Scripted, ScriptedAnswer, Timing

DEMO = ModelFile("demo-1b", Path("demo.gguf"), "file", 700_000_000, "Q4_K_M", sha256="d" * 64, installed=True)
OTHER = ModelFile("other-3b", Path("other.gguf"), "file", 2_000_000_000, "Q8_0", sha256="e" * 64, installed=True)


class ScriptedModels:
    """Two models; what they say is given. `present` False: there is none until one is chosen."""

    def __init__(self, answers: Sequence[ScriptedAnswer | str] | Script, timing: Timing | None = None) -> None:
        self.present = True
        self.engines: list[Scripted] = []
        self.fails: Exception | None = None
        self.info: dict[str, Any] = {}
        self.pulled: list[str] = []
        self._answers = answers
        self._timing = timing

    @property
    def requests(self) -> list[Any]:
        return [request for engine in self.engines for request in engine.requests]

    def chosen(self) -> ModelFile | None:
        return DEMO if self.present else None

    def resolve(self, name: str) -> ModelFile:
        for model in (DEMO, OTHER):
            if model.name == name:
                return model
        raise ModelError(f"no model is called {name!r}", "", "`quoth models` lists what there is")

    def choices(self) -> Sequence[Choice]:
        return [Choice(f"{model.name}: installed", model=model) for model in (DEMO, OTHER)]

    def remember(self, model: ModelFile) -> ModelFile:
        return model

    def pull(self, spec: str, progress: Callable[[PullProgress], None]) -> ModelFile:
        self.pulled.append(spec)
        for done in range(0, 101, 50):
            progress(PullProgress("downloading", done * 1_000_000, 100_000_000))
        return DEMO

    def fit(self, choice: Choice) -> str:
        return "needs 0.9 GB, 4.0 GB of memory are free: it fits"

    def start(self, model: ModelFile, progress: Callable[[float], None], tell: Callable[[str], None]) -> Engine:
        progress(0.5)
        if self.fails is not None:
            raise self.fails
        engine = Scripted(self._answers, timing=self._timing)
        engine.info = engine.info._replace(name=model.name, **self.info)
        self.engines.append(engine)
        return engine

    def sampling(self, info: ModelInfo) -> Sampling:
        return Sampling(temperature=0.0)


def backend_at(home: Path, models: ScriptedModels, **flags: Any) -> Backend:
    """A backend whose files are under `home`."""
    places: Folders = folders({"QUOTH_HOME": str(home)})
    settings = load(places, {}).over(flags)

    def read_file(name: str) -> tuple[str, str]:
        return Path(name).read_text(encoding="utf-8"), ""

    return Backend(
        settings=settings,
        history=History(None if settings.private else places.history),
        models=models,
        read_file=read_file,
        state=places.state,
        environ={},
        private=settings.private,
    )


def scripted_app(
    home: Path, answers: Sequence[ScriptedAnswer | str] | Script, timing: Timing | None = None
) -> QuothApp:
    """An app that answers from a script."""
    return QuothApp(backend_at(home, ScriptedModels(answers, timing)))


def main() -> int:
    """Answers are texts, given in order again and again; PIECE_SECONDS in the environment is the time of a token."""
    home = Path(sys.argv[1])
    answers = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")) if len(sys.argv) > 2 else ["Hello."]
    timing = Timing(piece=float(os.environ.get("PIECE_SECONDS", "0.01")))
    number = iter(range(1 << 30))
    models = ScriptedModels(lambda request: str(answers[next(number) % len(answers)]), timing)
    conversation = os.environ.get("CONVERSATION")
    app = QuothApp(backend_at(home, models), int(conversation) if conversation else None)
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    raise SystemExit(main())
