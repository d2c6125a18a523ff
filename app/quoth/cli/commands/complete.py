"""`quoth complete TEXT`: plain continuation, for base and chat models alike."""

from __future__ import annotations

import click

from quoth.cli.options import jsonl_option, logprobs_option, runs, setting_options, stop_option


@click.command()
@click.argument("text", required=False)
@click.option(
    "--num-sequences", "sequences", type=click.IntRange(1, 1000), default=1, metavar="N", help="N continuations."
)
@click.option(
    "--max-length", type=click.IntRange(1), metavar="N", help="Most tokens of prompt and continuation together."
)
@click.option("--echo", is_flag=True, help="Print the prompt in front of the continuation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each continuation.")
@jsonl_option
@logprobs_option
@click.option("--grammar", metavar="FILE", help="Continue within this GBNF grammar.")
@stop_option
@setting_options(
    "model", "max_tokens", "temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "ctx", "threads",
    "gpu_layers", "max_input", "raw", "private", "offline", "quiet",
)  # fmt: skip
@runs("one_shot:complete")
def command() -> None:
    """Continue TEXT, or the text on standard input, without a chat template.

    This is what GPT2LMHeadModel.generate does: greedy at -t 0; --max-length includes the tokens of the prompt.

    \b
    Examples:
      quoth complete "Once upon a time" -n 40
      quoth complete "Once upon a time" -t 0 --max-length 50 --echo
      quoth complete "The best name for a cat is" -n 5 --num-sequences 3
    """
