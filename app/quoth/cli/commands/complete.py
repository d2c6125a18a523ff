"""`quoth complete TEXT`: plain continuation, for base and chat models alike."""

from __future__ import annotations

from typing import Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import UsageError
from quoth.text import well_formed

HELP = """Continue TEXT, or the text on standard input, without a chat template.

This is what GPT2LMHeadModel.generate does: greedy at -t 0, --max-length counts the prompt's tokens too.

\b
Examples:
  quoth complete "Once upon a time" -n 40
  quoth complete "Once upon a time" -t 0 --max-length 50 --echo
  quoth complete "The best name for a cat is" -n 5 --num-sequences 3
"""


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("text", required=False)
@click.option(
    "--num-sequences", "sequences", type=click.IntRange(1, 1000), default=1, metavar="N", help="N continuations."
)
@click.option(
    "--max-length", type=click.IntRange(1), metavar="N", help="Most tokens of prompt and continuation together."
)
@click.option("--echo", is_flag=True, help="Print the prompt in front of the continuation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each continuation.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print events as JSON lines, as they come.")
@click.option("--logprobs", type=click.IntRange(1, 100), metavar="N", help="Log-probabilities, with N alternatives.")
@click.option("--grammar", metavar="FILE", help="Continue within this GBNF grammar.")
@click.option("--stop", "stop", multiple=True, metavar="TEXT", help="End before this text; may be repeated.")
@setting_options(
    "model", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "ctx", "threads",
    "gpu_layers", "max_input", "raw", "private", "offline", "quiet",
)  # fmt: skip
@click.pass_obj
def command(
    environment: Environment,
    /,
    text: str | None,
    sequences: int,
    max_length: int | None,
    echo: bool,
    as_json: bool,
    as_jsonl: bool,
    logprobs: int | None,
    grammar: str | None,
    stop: tuple[str, ...],
    **flags: Any,
) -> int:
    from quoth.cli.inputs import read_constraints, read_piped
    from quoth.cli.run.answering import answer, answer_format

    environment.use(flags)
    format_ = answer_format(json=as_json, jsonl=as_jsonl, logprobs=logprobs)
    constraints = read_constraints(grammar, None, False)
    environment.streams.require_stdout()
    with answer(environment, format_) as answering:
        if text in (None, "-"):
            text = read_piped(environment)
        if not text:
            raise UsageError("there is no text to continue", "", 'Say how it begins: quoth complete "Once upon a time"')
        answering.complete(
            well_formed(text),
            echo=echo,
            stop=stop,
            sequences=sequences,
            total=max_length,
            logprobs=logprobs or 0,
            **constraints,
        )
    return 0
