"""The model that a command uses."""

from __future__ import annotations

from quoth.cli.environment import Environment
from quoth.library.model import Model
from quoth.library.model_choice import chosen
from quoth.models import ModelFile


def open_chosen_model(environment: Environment) -> Model:
    """Start to load the model that was asked for, or the default; without any, one is found or fetched.

    Raises ModelError.
    """
    return Model(environment, chosen(environment) or _first_model(environment))


def _first_model(environment: Environment) -> ModelFile:
    from quoth.cli.run.first_use import first_model

    return first_model(environment)
