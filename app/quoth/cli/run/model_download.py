"""A pull as the command line shows it."""

from __future__ import annotations

from functools import partial

from quoth.cli.environment import Environment
from quoth.cli.printing import print_lines
from quoth.errors import UsageError
from quoth.library.model_pull import fetch, fetch_recommended
from quoth.models import ModelFile
from quoth.models.pull_progress import PullProgress
from quoth.text.units import format_megabytes, format_size

MEGABYTE = 1_000_000
WORTH_SAYING = 45.0  # seconds that a download still takes


def pull_named(environment: Environment, spec: str) -> ModelFile:
    """Fetch a model with progress on standard error."""
    model = fetch(environment, spec, Reporter(environment))
    environment.streams.progress.clear()
    environment.streams.say(f"installed {model.name}: {format_megabytes(model.size)}, {model.quantization}")
    return model


def pull_model(environment: Environment, name: str | None) -> None:
    """Fetch a model, by default the recommended one, and print its name."""
    if name is not None and not name.strip():
        raise UsageError("the name of the model is empty", "", 'To pull the recommended one: "quoth pull"')
    model = pull_named(environment, name) if name else fetch_recommended(environment, partial(pull_named, environment))
    print_lines(environment.streams, [model.name])


class Reporter:
    """Draws progress; off a terminal each stage is one line."""

    def __init__(self, environment: Environment) -> None:
        self._streams = environment.streams
        self._said: set[tuple[str, str]] = set()
        self._said_time = False

    def __call__(self, progress: PullProgress) -> None:
        left = progress.seconds_left or 0
        if left >= WORTH_SAYING and progress.total and not self._said_time:
            self._said_time = True
            size, minutes = format_size(progress.total), max(1, round(left / 60))
            self._streams.say(f"{progress.stage}: {size}, some {minutes} min to go")
        if progress.total:
            done, total = progress.done // MEGABYTE, max(1, progress.total // MEGABYTE)
            self._streams.progress.update(progress.stage, done, total, "MB")
        key = (progress.stage, progress.detail)
        if progress.detail and key not in self._said:
            self._said.add(key)
            self._streams.say(f"{progress.stage}: {progress.detail}")
