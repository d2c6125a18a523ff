"""A checkpoint converted in one call, and what a file says of its verification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quoth.gguf import read_header
from quoth_converters.families import Options
from quoth_converters.output.verification_keys import EMPTY
from quoth_converters.pipeline import Conversion, describe, write_conversion


def convert(source: Path, target: Path, options: Options | None = None, **how: Any) -> Conversion:
    """What became of a checkpoint; keywords are those of `write_conversion`."""
    return write_conversion(describe(source, options or Options()), target, **how)


def recorded(path: Path) -> dict[str, Any]:
    """The figures of a file by their short names, without those that are not there."""
    keys = read_header(path).metadata
    return {name.removeprefix("quoth.verify."): keys[name] for name in EMPTY if name in keys}
