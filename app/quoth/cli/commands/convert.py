"""`quoth convert SRC`: a checkpoint becomes a GGUF that is checked against it."""

from __future__ import annotations

import click

from quoth.cli.options import checkpoint_options, json_option, runs, setting_options


@click.command()
@click.argument("source", metavar="SRC")
@click.option("-o", "--output", metavar="FILE", help="Write this file, and do not install it.")
@click.option("--name", help="The name to install it under; by default that of the folder or file.")
@click.option("--quant", metavar="TYPE,...", default="", help='Quantize: "Q8_0,Q4_K_M", or "auto".')
@click.option("--outtype", type=click.Choice(["f32", "f16", "bf16"]), default="f16", show_default=True, help="Weights.")
@checkpoint_options
@click.option(
    "--verify", "level", type=click.Choice(["none", "quick", "full"]), default="quick", show_default=True,
    help="How much to check.",
)  # fmt: skip
@click.option("--check", "gguf", metavar="FILE", help="Check this GGUF against SRC, and write nothing.")
@click.option("--dry-run", is_flag=True, help="Print what would be written.")
@click.option("--force", is_flag=True, help="Replace an existing file or model of that name.")
@json_option
@setting_options("offline", "quiet")
@runs("model_files.checkpoint_conversion:convert_checkpoint")
def command() -> None:
    """Convert a checkpoint to a GGUF, check that the two are the same model, and install it.

    SRC is a folder or a file: a nanoGPT ckpt.pt, what save_pretrained or a Trainer wrote, safetensors, or
    hf:OWNER/REPO. Nothing in it is executed. The path goes to standard output, the report to standard error.

    \b
    Examples:
      quoth convert out-shakespeare-char/ckpt.pt --meta data/shakespeare_char/meta.pkl --name shakespeare
      quoth convert ./my-gpt2 --quant Q8_0,Q4_K_M -o my-gpt2.gguf
      quoth convert --check my-gpt2.gguf ./my-gpt2
    """
