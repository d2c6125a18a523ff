"""`quoth quantize FILE -q TYPE`: a smaller file of a GGUF."""

from __future__ import annotations

import click

from quoth.cli.options import json_option, runs, setting_options


@click.command()
@click.argument("file")
@click.option(
    "-q", "--quant", "quants", multiple=True, metavar="TYPE", help='Such as Q8_0, or "auto"; may be repeated.'
)
@click.option("-o", "--output", metavar="FILE", help="Write this file.")
@click.option("--requantize", is_flag=True, help="Accept a file that is quantized already, and lose more.")
@click.option("--dry-run", is_flag=True, help="Print what each type would come to.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
@setting_options("quiet")
@runs("model_files.gguf_quantization:quantize_file")
def command() -> None:
    """Write a GGUF at other quantizations. FILE may be the name of a model too.

    Each result is written beside FILE, with its type in its name. If 256 does not divide the model's widths, some types
    come out larger than their names say: --dry-run shows the real size of each, and which one to take.

    \b
    Examples:
      quoth quantize model.F16.gguf --dry-run
      quoth quantize model.F16.gguf -q Q8_0 -q Q4_K_M
      quoth quantize model.F16.gguf -q auto -o small.gguf
    """
