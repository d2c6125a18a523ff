"""Which model a command uses, and what happens at the first use, when there is none."""

from __future__ import annotations

from quoth.cli.environment import Environment
from quoth.errors import ModelError
from quoth.models import ModelFile, best, default_model, resolve


def choose_model(environment: Environment) -> ModelFile:
    """The model that was asked for, or the default; without any, one is found or fetched.

    A file that was never loaded is checked first: its header, in Python. Raises ModelError.
    """
    settings, store = environment.settings, environment.store
    asked = settings["model"]
    if asked:
        model: ModelFile | None = resolve(asked, store=store, environment=environment.environ)
    else:
        model = default_model(configured=None, store=store, environment=environment.environ)
    if model is None:
        model = first_model(environment)
    if not store.is_trusted(model.path):
        from quoth.gguf import check, read_header

        check(read_header(model.path))
    return model


def first_model(environment: Environment) -> ModelFile:
    """A model for somebody who has none: asked for on a terminal, else the best one found, else a pull."""
    from quoth.models import found

    models = list(found.find(environment.environ, None).models)
    streams = environment.streams
    if streams.stdin_isatty and streams.stderr_isatty and not environment.offline:
        from quoth.cli.first_use import ask

        return ask(environment, models)
    model = best(models, room=_room())
    if model is not None:
        place = model.origin.partition(":")[0]
        streams.say(f'using {model.name}, found in {place}; choose another with -m or "quoth models default"')
        return model
    if environment.offline:
        raise ModelError(
            "there is no model on this machine", "--offline keeps it from fetching one", 'Run "quoth pull" once online'
        )
    from quoth.cli.first_use import pull_small

    return pull_small(environment)


def _room() -> int | None:
    """Bytes of memory that a model may take; None where the machine does not say."""
    from quoth.engine import host

    return host.free_memory() or None
