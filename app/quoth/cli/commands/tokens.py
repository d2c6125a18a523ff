"""`quoth tokens [FILE]`: count the tokens of a text, as a model reads it."""

from __future__ import annotations

from typing import Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import UsageError

HELP = """Count the tokens of FILE, or of standard input, as the model reads plain text.

\b
Examples:
  quoth tokens report.txt
  git diff | quoth tokens
  echo "hello world" | quoth tokens --ids
"""


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("file", required=False)
@click.option("--ids", is_flag=True, help="Print the token ids, in one line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("model", "max_input", "private", "offline", "quiet")
@click.pass_obj
def command(environment: Environment, /, file: str | None, ids: bool, as_json: bool, **flags: Any) -> int:
    from quoth.cli.inputs import read_document, read_piped
    from quoth.cli.run.choosing import choose_model
    from quoth.library.model import Model

    environment.use(flags)
    streams = environment.streams
    streams.require_stdout()
    with Model(environment, choose_model(environment)) as model:
        text = read_piped(environment) if file is None else read_document(environment, file).text
        if text is None:
            raise UsageError("there is no text to count", "", "Name a file, or pipe a text: quoth tokens report.txt")
        tokens = model.tokens(text)
    streams.answer(_shown(tokens, model.name, ids, as_json) + "\n")
    streams.finish()
    return 0


def _shown(tokens: list[int], model: str, ids: bool, as_json: bool) -> str:
    if as_json:
        import json

        from quoth.version import __version__

        return json.dumps(
            {"version": __version__, "model": model, "tokens": len(tokens), **({"ids": tokens} if ids else {})}
        )
    return " ".join(map(str, tokens)) if ids else str(len(tokens))
