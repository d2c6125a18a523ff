"""Engines over a workspace: with a model that begins to load at once, or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from quoth.engine import LoadOptions
from quoth.engine.client.client import Client
from quoth.errors import UsageError
from quoth.library.text_files import why_and_hint
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.platform.safe_files import read_text


def load_options(workspace: Workspace, model: ModelFile) -> LoadOptions:
    """How the settings say that a model is loaded."""
    settings = workspace.settings
    return LoadOptions(
        name=model.name,
        n_ctx=settings.ctx or 0,
        threads=settings.threads or 0,
        gpu_layers=settings.gpu_layers,
        template=_read_template(Path(settings.template)) if settings.template else None,
        kind_of_file=(model.architecture, model.quantization),
    )


def _read_template(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"the template {path} cannot be read", *why_and_hint(error)) from None


def start_engine(workspace: Workspace, model: ModelFile, tell: Callable[[str], None] | None = None) -> Client:
    """Start an engine with a model; the caller closes it.

    `tell` gets a sentence when a way of computing does not work here; by default the workspace's.
    """
    return Client(
        model.path,
        load_options(workspace, model),
        log=workspace.log,
        process=workspace.take_process(),
        findings=workspace.findings,
        tell=tell or workspace.tell,
    )


@contextmanager
def bare_engine(workspace: Workspace) -> Iterator[Client]:
    """A worker without a model: to quantize, to try a file, to describe the machine."""
    client = Client(None, LoadOptions(), log=workspace.log, process=workspace.take_process(), tell=workspace.tell)
    try:
        yield client
    finally:
        client.close()
