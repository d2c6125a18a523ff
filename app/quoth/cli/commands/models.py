"""`quoth models`: list, show, add, remove and verify models, choose the default."""

from __future__ import annotations

import click

from quoth.cli.options import json_option, runs, setting_options


@click.group(invoke_without_command=True)
@json_option
@setting_options("offline", "quiet")
@runs("model_listing:list_models")
def command() -> None:
    """List the models on this machine: installed ones, and those of other tools.

    \b
    Examples:
      quoth models
      quoth models show smollm2-135m
      quoth models add ~/Downloads/model.gguf --name mine
    """


@command.command()
@click.argument("name")
@runs("model_listing:show_model")
def show() -> None:
    """Show what a model is, its sampling values and where they come from, and its chat template.

    \b
    Examples:
      quoth models show smollm2-135m
      quoth models show ./model.gguf
      quoth models show ollama:llama3.2
    """


@command.command()
@click.argument("file")
@click.option("--name", help="The name to give it; by default that of the file.")
@click.option("--copy", is_flag=True, help="Copy the file to the models folder; by default it stays where it is.")
@runs("model_listing:add_model")
def add() -> None:
    """Add a GGUF file, after checking its header and loading it once.

    \b
    Examples:
      quoth models add ~/Downloads/model.gguf
      quoth models add model.gguf --name mine
      quoth models add /media/usb/model.gguf --copy
    """


@command.command()
@click.argument("name")
@runs("model_listing:remove_model")
def rm() -> None:
    """Remove a model. A file that was added without --copy stays on the disk.

    \b
    Examples:
      quoth models rm smollm2-135m
      quoth models rm mine
      quoth models rm qwen3-4b
    """


@command.command()
@click.argument("name", required=False)
@runs("model_listing:choose_default")
def default() -> None:
    """Choose the model to use when none is named; without NAME, print it.

    \b
    Examples:
      quoth models default
      quoth models default qwen3-4b
      quoth models default ollama:llama3.2
    """


@command.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@runs("model_listing:verify_models")
def verify() -> None:
    """Read the files of models again and compare their SHA-256; without NAME, of all models.

    \b
    Examples:
      quoth models verify
      quoth models verify smollm2-135m
      quoth models verify qwen3-4b mine
    """
