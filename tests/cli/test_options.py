"""What a command declares is what the function that it runs takes: a name in a string is checked by nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import click
import pytest

from quoth.cli.commands import COMMANDS
from quoth.cli.main import load_command
from quoth.cli.routing import PROMPT
from quoth.config import BY_NAME


def with_subcommands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for each in command.commands.values():
            yield from with_subcommands(each)


def what_it_runs(command: click.Command) -> Any:
    """The function that `runs` names; None for a command that calls its own."""
    callback: Any = command.callback
    while callback is not None:
        outer = inspect.getclosurevars(callback).nonlocals
        if {"module", "name"} <= outer.keys():
            return getattr(import_module(f"quoth.cli.run.{outer['module']}"), outer["name"])
        callback = getattr(callback, "__wrapped__", None)
    return None


RUN = [
    pytest.param(command, function, id=f"{name} {command.name}")
    for name in (PROMPT, *COMMANDS)
    for command in with_subcommands(load_command(name))
    if (function := what_it_runs(command)) is not None
]


@pytest.mark.parametrize(("command", "function"), RUN)
def test_a_command_gives_the_function_that_it_runs_the_options_that_it_takes(
    command: click.Command, function: Any
) -> None:
    given = [param.name for param in command.params if param.expose_value and param.name not in BY_NAME]
    inspect.signature(function).bind("the environment", **dict.fromkeys(name for name in given if name))


def test_most_commands_run_a_function() -> None:
    assert len(RUN) > 20
