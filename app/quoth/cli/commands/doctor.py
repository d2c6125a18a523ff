"""`quoth doctor`: what this installation is and can do."""

from __future__ import annotations

import click

from quoth.cli.options import json_option, runs, setting_options


@click.command()
@json_option
@click.option("--prove", is_flag=True, help="Try every way of computing again, and measure it.")
@setting_options("model", "offline", "quiet")
@runs("doctor.report:diagnose")
def command() -> None:
    """Show versions, processor features, the ways of computing that work here, memory, folders, and the sandbox.

    --prove tries every way of computing again with the default model, and measures it.

    \b
    Examples:
      quoth doctor
      quoth doctor --prove
      quoth doctor --json
    """
