"""`quoth chat`, and `quoth` on a terminal: the chat app, or line by line on a terminal that cannot show it."""

from __future__ import annotations

import click

from quoth.cli.options import runs, setting_options


@click.command()
@setting_options()
@runs("talk:talk")
def command() -> None:
    """Talk with a model. Escape stops an answer, F1 shows the keys, Ctrl-Q leaves.

    On a terminal without a cursor (TERM=dumb) the chat goes line by line.

    \b
    Examples:
      quoth
      quoth chat -m smollm2-135m
      quoth chat -s "You answer in one sentence."
    """
