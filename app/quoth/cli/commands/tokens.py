"""`quoth tokens [FILE]`: count the tokens of a text, as a model reads it."""

from __future__ import annotations

import click

from quoth.cli.options import json_option, runs, setting_options


@click.command()
@click.argument("file", required=False)
@click.option("--ids", is_flag=True, help="Print the token ids, in one line.")
@json_option
@setting_options("model", "max_input", "private", "offline", "quiet")
@runs("one_shot:count_tokens")
def command() -> None:
    """Count the tokens of FILE, or of standard input, as the model reads plain text.

    \b
    Examples:
      quoth tokens report.txt
      git diff | quoth tokens
      echo "hello world" | quoth tokens --ids
    """
