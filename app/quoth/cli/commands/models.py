"""`quoth models`: list, show, add, remove and verify models, choose the default."""

from __future__ import annotations

import click

from quoth.cli.environment import Environment
from quoth.cli.options import json_option, setting_options


@click.group(invoke_without_command=True)
@json_option
@setting_options("offline", "quiet")
@click.pass_context
def command(context: click.Context, /, as_json: bool) -> None:
    """List the models on this machine: installed ones, and those of other tools.

    \b
    Examples:
      quoth models
      quoth models show smollm2-135m
      quoth models add ~/Downloads/model.gguf --name mine
    """
    if context.invoked_subcommand is None:
        from quoth.cli.run.model_listing import list_models

        list_models(context.obj, as_json)


@command.command()
@click.argument("name")
@click.pass_obj
def show(environment: Environment, name: str) -> None:
    """Show what a model is, its sampling values and where they come from, and its chat template.

    \b
    Examples:
      quoth models show smollm2-135m
      quoth models show ./model.gguf
      quoth models show ollama:llama3.2
    """
    from quoth.cli.run.model_listing import show_model

    show_model(environment, name)


@command.command()
@click.argument("file")
@click.option("--name", help="The name to give it; by default that of the file.")
@click.option("--copy", is_flag=True, help="Copy the file to the models folder; by default it stays where it is.")
@click.pass_obj
def add(environment: Environment, file: str, name: str | None, copy: bool) -> None:
    """Add a GGUF file, after checking its header and loading it once.

    \b
    Examples:
      quoth models add ~/Downloads/model.gguf
      quoth models add model.gguf --name mine
      quoth models add /media/usb/model.gguf --copy
    """
    from quoth.cli.run.model_listing import add_model

    add_model(environment, file, name, copy)


@command.command()
@click.argument("name")
@click.pass_obj
def rm(environment: Environment, name: str) -> None:
    """Remove a model. A file that was added without --copy stays on the disk.

    \b
    Examples:
      quoth models rm smollm2-135m
      quoth models rm mine
      quoth models rm qwen3-4b
    """
    model = environment.store.remove(name)
    environment.streams.say(f"removed {model.name}")


@command.command()
@click.argument("name", required=False)
@click.pass_obj
def default(environment: Environment, name: str | None) -> None:
    """Choose the model to use when none is named; without NAME, print it.

    \b
    Examples:
      quoth models default
      quoth models default qwen3-4b
      quoth models default ollama:llama3.2
    """
    from quoth.cli.run.model_listing import choose_default

    choose_default(environment, name)


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def verify(environment: Environment, names: tuple[str, ...]) -> None:
    """Read the files of models again and compare their SHA-256; without NAME, of all models.

    \b
    Examples:
      quoth models verify
      quoth models verify smollm2-135m
      quoth models verify qwen3-4b mine
    """
    from quoth.cli.run.model_listing import verify_models

    verify_models(environment, names)
