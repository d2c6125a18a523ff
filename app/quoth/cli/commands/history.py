"""`quoth history`: list, search, show, export, import and remove conversations."""

from __future__ import annotations

import click

from quoth.cli.options import json_option, runs, setting_options

number_option = click.option(
    "-n", "--number", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="At most N."
)


@click.group(invoke_without_command=True)
@number_option
@json_option
@setting_options("quiet")
@runs("history_listing:list_conversations")
def command() -> None:
    """List the conversations on this machine, the latest first.

    \b
    Examples:
      quoth history
      quoth history search rayleigh
      quoth history show last
      quoth history export 12 --format html -o sky.html
    """


@command.command()
@click.argument("words", nargs=-1, required=True)
@number_option
@json_option
@runs("history_listing:search_turns")
def search() -> None:
    """Find titles and turns that contain all WORDS, the newest first; the beginning of a word is enough.

    \b
    Examples:
      quoth history search rayleigh
      quoth history search '"blue light"' sky
      quoth history search 天空 --json
    """


@command.command()
@click.argument("name", metavar="ID|last")
@json_option
@runs("history_listing:show_conversation")
def show() -> None:
    """Show a conversation: its current path.

    \b
    Examples:
      quoth history show last
      quoth history show 12
      quoth history show 12 --json
    """


@command.command()
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Export every conversation.")
@click.option(
    "--format", "format_", type=click.Choice(["md", "json", "html"]), help="By default that of FILE's suffix, else md."
)
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, which only you can read.")
@runs("history_listing:export_conversations")
def export() -> None:
    """Export conversations: json is complete and can be imported, md and html are the current path for reading.

    \b
    Examples:
      quoth history export last
      quoth history export --all -o history.json
      quoth history export 12 --format html -o sky.html
    """


@command.command("import")
@click.argument("file")
@runs("history_listing:import_conversations")
def import_() -> None:
    """Add the conversations of a JSON export, all or none; "-" reads standard input.

    \b
    Examples:
      quoth history import history.json
      quoth history export --all --format json | ssh other quoth history import -
      quoth history import -
    """


@command.command()
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Remove every conversation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@runs("history_listing:remove_conversations")
def rm() -> None:
    """Remove conversations for good.

    \b
    Examples:
      quoth history rm 12
      quoth history rm 3 4 5 --yes
      quoth history rm --all
    """
