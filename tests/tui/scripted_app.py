"""The app with a scripted engine: for pilot tests, for the benchmark's terminal, and for pictures.

`python -m tests.tui.scripted_app HOME [ANSWERS.json]` runs it on a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from quoth.engine import Scoring
from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.tui.app import QuothApp
from tests.gguf_files import tiny_bytes
from tests.scripted_engine import Script, ScriptedAnswer, Timing
from tests.scripted_model import ScriptedEngine, ScriptedModel

DEMO, OTHER = "demo-1b", "other-3b"  # the models of every home


class ScriptedModels:
    """Opens models for the app: they say what is given. `engines` are those that were started, in order."""

    def __init__(self, answers: Sequence[ScriptedAnswer | str] | Script = (), timing: Timing | None = None) -> None:
        self.engines: list[ScriptedEngine] = []
        self.fails: Exception | None = None
        self.info: dict[str, Any] = {}
        self.odds: Callable[[Scoring], float] = lambda scoring: 5.0
        self._answers = answers
        self._timing = timing

    @property
    def requests(self) -> list[Any]:
        return [request for engine in self.engines for request in engine.requests]

    def __call__(self, workspace: Workspace, file: ModelFile, *, tell: Callable[[str], None]) -> Model:
        if self.fails is not None:
            raise self.fails
        engine = ScriptedEngine(self._answers, timing=self._timing, odds=self.odds)
        engine.info = engine.info._replace(name=file.name, **self.info)
        self.engines.append(engine)
        return ScriptedModel(workspace, file, engine)


def workspace_at(home: Path, installed: Sequence[str] = (DEMO, OTHER), **settings: Any) -> Workspace:
    """A workspace under `home`, with tiny models of these names, of which the first is the default.

    Without any there are two that another tool left there.
    """
    environ = {"QUOTH_HOME": str(home), "LLAMA_CACHE": str(home / "llama.cpp")}
    workspace = Workspace({**environ, **dict.fromkeys(("OLLAMA_MODELS", "HF_HUB_CACHE"), str(home / "none"))})
    workspace.use({"offline": True, "temperature": 0.0, "seed": 1, **settings})
    for name in installed:
        if workspace.store.get(name) is None:
            workspace.store.trust(workspace.store.add(tiny_model(home / "installed", name), name).path)
            workspace.store.set_default(installed[0])
    if not installed:
        for name in (DEMO, OTHER):
            tiny_model(home / "llama.cpp", name)
    return workspace


def tiny_model(folder: Path, name: str) -> Path:
    """A file that could be loaded."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.gguf"
    file.write_bytes(_tiny())
    return file


@cache
def _tiny() -> bytes:
    return tiny_bytes()


def scripted_app(home: Path, models: ScriptedModels, conversation: int | None = None, **options: Any) -> QuothApp:
    """An app that answers from a script; `options` are those of `workspace_at`."""
    return QuothApp(workspace_at(home, **options), conversation, open_model=models)


def main() -> int:
    """Answers are texts, given in order again and again; PIECE_SECONDS in the environment is the time of a token."""
    home = Path(sys.argv[1])
    answers = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")) if len(sys.argv) > 2 else ["Hello."]
    timing = Timing(piece=float(os.environ.get("PIECE_SECONDS", "0.01")))
    number = iter(range(1 << 30))
    models = ScriptedModels(lambda request: str(answers[next(number) % len(answers)]), timing)
    conversation = os.environ.get("CONVERSATION")
    app = scripted_app(home, models, int(conversation) if conversation else None)
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    raise SystemExit(main())
