"""Sampling values and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quoth.engine import SAMPLING_KEYS, Sampling
from quoth.models import ModelFile, catalogue

# Where a pipe or a file is given, an answer is work on it: the likeliest is wanted, and the same one each time.
ON_DATA = {"temperature": 0.0}


def sampling_values(
    model: ModelFile, in_file: Mapping[str, Any], asked: Mapping[str, tuple[Any, str]], *, on_data: bool = False
) -> dict[str, tuple[Any, str]]:
    """Each value with its origin: what was asked for, ON_DATA, the catalogue row, the model file, the engine's own.

    `in_file` has values by field of Sampling; `asked` has values (None: not asked) with their origins; `on_data`:
    whether the question is about a pipe or a file.
    """
    row = catalogue.row_of(model.name, model.origin)
    own = Sampling()
    values: dict[str, tuple[Any, str]] = {}
    for name in SAMPLING_KEYS:
        wanted, origin = asked.get(name, (None, ""))
        if wanted is not None:
            values[name] = (wanted, origin)
        elif on_data and name in ON_DATA:
            values[name] = (ON_DATA[name], "data is given")
        elif row is not None and name in row.sampling:
            values[name] = (row.sampling[name], f"catalogue: {row.name}")
        elif name in in_file:
            values[name] = (in_file[name], f"model file: {SAMPLING_KEYS[name]}")
        else:
            values[name] = (getattr(own, name), "engine")
    return values
