"""What a verification measured, in the file's own keys: numbers of fixed width, zero until they are filled in."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from quoth.errors import StorageError, escaped
from quoth.gguf import read_header

_PREFIX: Final = "quoth.verify."
# Figures of a file against its checkpoint; the last three are of a quantized file against the one it was made from.
_FIGURES: Final[Mapping[str, int | float | bool]] = {
    "passed": False,
    "full": False,
    "tokenizer_texts": 0,
    "positions": 0,
    "nmse": 0.0,
    "max_error": 0.0,
    "greedy_tokens": 0,
    "perplexity_ratio": 0.0,
    "kl_divergence": 0.0,
    "same_top": 0.0,
}
EMPTY: Final = {f"{_PREFIX}{name}": value for name, value in _FIGURES.items()}
NOTHING: Final = _FIGURES  # what is filled in for a file that was not measured
_FORMS: Final = {bool: "<?", int: "<I", float: "<f"}


def fill(path: Path, figures: Mapping[str, Any]) -> bool:
    """Fill in figures where the file has room for them; false if it was made without it. Raises StorageError.

    Each is overwritten in place; "passed" is written last, after the rest is on the disk.
    """
    places = read_header(path).places
    if not EMPTY.keys() <= places.keys():
        return False
    passed = bool(figures.get("passed"))
    values = {name: type(_FIGURES[name])(value) for name, value in figures.items() if name in _FIGURES}
    try:
        with path.open("r+b") as file:
            _put(file.fileno(), places, {**values, "passed": False})
            if passed:
                _put(file.fileno(), places, {"passed": True})
    except OSError as error:
        raise StorageError(f"{escaped(path)} could not be written", escaped(error.strerror or error)) from None
    return True


def _put(descriptor: int, places: Mapping[str, int], values: Mapping[str, int | float | bool]) -> None:
    for name, value in values.items():
        os.lseek(descriptor, places[_PREFIX + name], os.SEEK_SET)
        os.write(descriptor, struct.pack(_FORMS[type(_FIGURES[name])], value))
    os.fsync(descriptor)
