"""`quoth cache`: the notes with which a summary that was stopped goes on."""

from __future__ import annotations

import click

from quoth.cli.environment import Environment
from quoth.cli.options import json_option, setting_options


@click.command()
@click.option("--clear", is_flag=True, help="Remove all of them.")
@json_option
@setting_options("quiet")
@click.pass_obj
def command(environment: Environment, /, clear: bool, as_json: bool) -> None:
    """Show the cached notes on documents that were read.

    With them a summary that was stopped continues where it was, and only the changed parts of an edited file are read
    again. They contain text about your documents, only you can read them, and they are limited to 64 MB.

    \b
    Examples:
      quoth cache
      quoth cache --clear
    """
    from quoth.cli.printing import print_result

    streams, notes = environment.streams, environment.notes
    streams.require_stdout()
    number, size = notes.clear() if clear else notes.count()
    path = str(environment.folders.notes)
    counted = f"{number:,} note{'' if number == 1 else 's'}, {size / 1024:,.0f} KB"
    fields = {"path": path, "notes": number, "bytes": size, "cleared": clear}
    print_result(streams, as_json, fields, [f"removed {counted}" if clear else f"{path}: {counted}"])
