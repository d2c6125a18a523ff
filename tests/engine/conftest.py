"""Engines that the tests of the engine share: loading one takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from quoth.engine.ladder import Rung
from tests.gguf_files import write_tiny

if TYPE_CHECKING:
    from quoth.engine.client.client import Client
    from quoth.engine.worker.llama_engine import LlamaEngine


@pytest.fixture(scope="session")
def llama(model_path: Path, rung: Rung) -> Iterator[LlamaEngine]:
    """The demonstration model in this process."""
    from quoth.engine import LoadOptions
    from quoth.engine.worker.llama_engine import LlamaEngine

    engine = LlamaEngine(model_path, LoadOptions(name="smollm2", n_ctx=2048), rung=rung)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def client(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The demonstration model in a worker that no test may harm."""
    from quoth.engine import LoadOptions
    from quoth.engine.client.client import Client

    log = tmp_path_factory.mktemp("engine") / "engine.log"
    engine = Client(model_path, LoadOptions(name="smollm2", n_ctx=2048), log=log)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two layers with random weights and a chat template: fast, and fond of repeating itself."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf", llama__context_length=1024)


@pytest.fixture(scope="session")
def tiny_base_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without a template."""
    return write_tiny(tmp_path_factory.mktemp("tiny") / "base.gguf", tokenizer__chat_template=None)


@pytest.fixture(scope="session")
def tiny(tiny_path: Path) -> Iterator[LlamaEngine]:
    from quoth.engine.worker.llama_engine import LlamaEngine

    engine = LlamaEngine(tiny_path)
    yield engine
    engine.close()
