"""`quoth cache`: what is kept so that a summary that was stopped goes on."""

from __future__ import annotations

from typing import Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options

HELP = """Show what is kept of documents that were read: the notes on their parts.

With them a summary that was stopped goes on where it was, and of an edited file only what changed is read again.
They hold text about your documents, are yours alone to read, and are limited to 64 MB.

\b
Examples:
  quoth cache
  quoth cache --clear
"""


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.option("--clear", is_flag=True, help="Remove all of it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("quiet")
@click.pass_obj
def command(environment: Environment, /, clear: bool, as_json: bool, **flags: Any) -> int:
    environment.use(flags)
    streams, notes = environment.streams, environment.notes
    streams.require_stdout()
    number, size = notes.clear() if clear else notes.count()
    path = str(environment.folders.notes)
    if as_json:
        import json

        from quoth.version import __version__

        fields = {"version": __version__, "path": path, "notes": number, "bytes": size, "cleared": clear}
        streams.answer(json.dumps(fields, ensure_ascii=False))
    else:
        kept = f"{number:,} note{'' if number == 1 else 's'}, {size / 1024:,.0f} KB"
        streams.answer(f"removed {kept}" if clear else f"{path}: {kept}")
    streams.finish()
    return 0
