"""What is tuned to a model's size goes by the parameters that its file has, each counted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from tests.gguf_files import write_tiny
from tests.scripted_model import ScriptedEngine


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    workspace = Workspace({"QUOTH_HOME": str(home)})
    yield workspace
    workspace.close()


@pytest.mark.parametrize(
    ("architecture", "distinct", "name", "is_measured"),
    [
        ("qwen2", 494_032_768, "demonstration", False),
        ("qwen2", 1_543_714_304, "small", True),
        ("llama", 1_543_714_304, "small", False),
        ("llama", 8_030_261_248, "large", False),
    ],
)
def test_a_models_class_is_that_of_its_distinct_parameters(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    distinct: int,
    name: str,
    is_measured: bool,
) -> None:
    engine = ScriptedEngine()
    engine.info = engine.info._replace(architecture=architecture, n_params=2 * distinct)  # it counts all tensors
    monkeypatch.setattr("quoth.library.model.start_engine", lambda *arguments: engine)
    file = ModelFile("model", write_tiny(tmp_path / "model.gguf"), "file", 0)
    with Model(workspace, file) as model:
        monkeypatch.setattr("quoth.gguf.read_header", lambda path: SimpleNamespace(distinct_parameters=distinct))
        assert (model.size_class.name, model.is_measured) == (name, is_measured)
