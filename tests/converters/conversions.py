"""A checkpoint converted in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quoth_converters.families import Options
from quoth_converters.pipeline import Conversion, describe, write_conversion


def convert(source: Path, target: Path, options: Options | None = None, **how: Any) -> Conversion:
    """What became of a checkpoint; keywords are those of `write_conversion`."""
    return write_conversion(describe(source, options or Options()), target, **how)
