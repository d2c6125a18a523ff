"""Checkpoints to GGUF. A library of its own: of `quoth` it imports the native leaf alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quoth_converters.errors import Cancelled, ConvertError, OutputError, TokenizerError, UnsupportedError

if TYPE_CHECKING:
    from quoth_converters.conversion import Conversion
    from quoth_converters.output.writer import OutType, Progress

__all__ = ["Cancelled", "ConvertError", "OutputError", "TokenizerError", "UnsupportedError", "convert"]


def convert(
    source: Path | str,
    target: Path | str,
    *,
    outtype: OutType = "f16",
    tokenizer: Path | str | None = None,
    meta: Path | str | None = None,
    n_head: int | None = None,
    name: str = "",
    force: bool = False,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Conversion:
    """Convert a checkpoint file or folder to a GGUF and say what it became; ConvertError where it cannot."""
    from quoth_converters.conversion import describe, write_conversion
    from quoth_converters.families import Options

    options = Options(Path(tokenizer) if tokenizer else None, Path(meta) if meta else None, n_head)
    described = describe(Path(source), options)
    return write_conversion(
        described, Path(target), outtype=outtype, name=name, force=force, progress=progress, cancelled=cancelled
    )
