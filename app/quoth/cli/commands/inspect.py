"""`quoth inspect FILE`: what a GGUF or a checkpoint holds."""

from __future__ import annotations

import click

from quoth.cli.options import checkpoint_options, json_option, runs, setting_options


@click.command()
@click.argument("file")
@checkpoint_options
@click.option("--tensors", is_flag=True, help="List every tensor.")
@json_option
@setting_options("quiet")
@runs("model_files.gguf_facts:inspect_file")
def command() -> None:
    """Show what a GGUF or a checkpoint holds: its architecture, parameters, tensors, tokenizer and chat template.

    For an unquantized GGUF also its size at each quantization. Nothing in a file is executed.

    \b
    Examples:
      quoth inspect model.gguf
      quoth inspect out-shakespeare-char/ckpt.pt
      quoth inspect ./my-gpt2 --json
    """
