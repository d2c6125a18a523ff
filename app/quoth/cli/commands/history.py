"""`quoth history`: list, search, show, export, import and remove conversations."""

from __future__ import annotations

from typing import Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import json_option, setting_options

number_option = click.option(
    "-n", "--number", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="At most N."
)


@click.group(invoke_without_command=True)
@number_option
@json_option
@setting_options("quiet")
@click.pass_context
def command(context: click.Context, /, number: int, as_json: bool) -> None:
    """List the conversations on this machine, the latest first.

    \b
    Examples:
      quoth history
      quoth history search rayleigh
      quoth history show last
      quoth history export 12 --format html -o sky.html
    """
    if context.invoked_subcommand is None:
        from quoth.cli.run.history_listing import list_conversations

        list_conversations(context.obj, number, as_json)


@command.command()
@click.argument("words", nargs=-1, required=True)
@number_option
@json_option
@click.pass_obj
def search(environment: Environment, words: tuple[str, ...], number: int, as_json: bool) -> None:
    """Find titles and turns that contain all WORDS, the newest first; the beginning of a word is enough.

    \b
    Examples:
      quoth history search rayleigh
      quoth history search '"blue light"' sky
      quoth history search 天空 --json
    """
    from quoth.cli.run.history_listing import search_turns

    search_turns(environment, words, number, as_json)


@command.command()
@click.argument("name", metavar="ID|last")
@json_option
@click.pass_obj
def show(environment: Environment, name: str, as_json: bool) -> None:
    """Show a conversation: its current path.

    \b
    Examples:
      quoth history show last
      quoth history show 12
      quoth history show 12 --json
    """
    from quoth.cli.run.history_listing import show_conversation

    show_conversation(environment, name, as_json)


@command.command()
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Export every conversation.")
@click.option(
    "--format", "format_", type=click.Choice(["md", "json", "html"]), help="By default that of FILE's suffix, else md."
)
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, which only you can read.")
@click.pass_obj
def export(environment: Environment, /, names: tuple[str, ...], **options: Any) -> None:
    """Export conversations: json is complete and can be imported, md and html are the current path for reading.

    \b
    Examples:
      quoth history export last
      quoth history export --all -o history.json
      quoth history export 12 --format html -o sky.html
    """
    from quoth.cli.run.history_listing import export_conversations

    export_conversations(environment, names, **options)


@command.command("import")
@click.argument("file")
@click.pass_obj
def import_(environment: Environment, file: str) -> None:
    """Add the conversations of a JSON export, all or none; "-" reads standard input.

    \b
    Examples:
      quoth history import history.json
      quoth history export --all --format json | ssh other quoth history import -
      quoth history import -
    """
    from quoth.cli.run.history_listing import import_conversations

    import_conversations(environment, file)


@command.command()
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Remove every conversation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(environment: Environment, names: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Remove conversations for good.

    \b
    Examples:
      quoth history rm 12
      quoth history rm 3 4 5 --yes
      quoth history rm --all
    """
    from quoth.cli.run.history_listing import remove_conversations

    remove_conversations(environment, names, everything, yes)
