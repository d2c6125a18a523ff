"""Which model a command uses, and what happens at the first use, when there is none."""

from __future__ import annotations

from quoth.cli.environment import Environment
from quoth.errors import ModelError
from quoth.library.model_choice import best_here, chosen, found_here
from quoth.models import ModelFile


def choose_model(environment: Environment) -> ModelFile:
    """The model that was asked for, or the default; without any, one is found or fetched. Raises ModelError."""
    return chosen(environment) or first_model(environment)


def first_model(environment: Environment) -> ModelFile:
    """A model for somebody who has none: asked for on a terminal, else the best one found, else a pull."""
    models = found_here(environment)
    streams = environment.streams
    if streams.stdin_isatty and streams.stderr_isatty and not environment.offline:
        from quoth.cli.run.first_use import ask

        return ask(environment, models)
    model = best_here(models)
    if model is not None:
        place = model.origin.partition(":")[0]
        streams.say(f'using {model.name}, found in {place}; choose another with -m or "quoth models default"')
        return model
    if environment.offline:
        raise ModelError(
            "there is no model on this machine", "--offline keeps it from fetching one", 'Run "quoth pull" once online'
        )
    from quoth.cli.run.first_use import pull_small

    return pull_small(environment)
