"""The model that a command uses."""

from __future__ import annotations

from quoth.cli.environment import Environment
from quoth.library.model import Model
from quoth.library.model_choice import chosen


def open_chosen_model(environment: Environment) -> Model:
    """Start to load the model that was asked for, or the default; without any, one is found or fetched.

    Raises ModelError.
    """
    file = chosen(environment)
    if file is None:
        from quoth.cli.run.first_use import first_model

        file = first_model(environment)
    return Model(environment, file)
