"""What a family of checkpoints is: how it is known, and how it is described."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quoth.errors import ModelError, escaped
from quoth_converters.formats.source import Source
from quoth_converters.spec import Fill, Fuse, ModelSpec, Rows, Take, Value
from quoth_converters.vocab import Vocabulary


@dataclass(frozen=True, slots=True)
class Options:
    """What only the user can say of a checkpoint."""

    tokenizer: Path | None = None
    meta: Path | None = None  # a character table
    n_head: int | None = None  # where the checkpoint does not say


@dataclass(frozen=True, slots=True)
class Family:
    """A family: its name, the architecture that runs it, how exactly, and the two functions."""

    name: str
    architecture: str
    exactness: str
    match: Callable[[Source], bool]
    describe: Callable[[Source, Options], ModelSpec]


def integer(config: Mapping[str, Any], *names: str, most: int) -> int:
    """The first of these settings that is there, from 1 to `most`; ModelError if none is or it is out of range."""
    name = next((name for name in names if config.get(name) is not None), None)
    if name is None:
        raise ModelError(f"the settings do not say {names[0]}", "", "Give the folder with its config.json")
    value = config[name]
    if type(value) is not int or not 1 <= value <= most:
        raise ModelError(f"the settings say {name} is {escaped(value)}", f"it must be a number from 1 to {most:,}")
    return value


def real(config: Mapping[str, Any], name: str, default: float) -> float:
    """A setting that is a finite number above zero."""
    value = config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= sys.float_info.max:
        raise ModelError(f"the settings say {name} is {escaped(value)}", "it must be a number above 0")
    return float(value)


def embedding(name: str, rows: int, width: int, vocabulary: Vocabulary) -> Value:
    """A table of one row a token, from a source of `rows` rows: padding dropped, rows of zeros for appended tokens.

    Few rows are padding: up to the next multiple of 128, or a thirty-second of them. More says another tokenizer.
    """
    own = len(vocabulary) - vocabulary.appended
    padding = rows - own
    if padding < 0 or (vocabulary.exact and padding) or padding > max(127, rows // 32):
        raise ModelError(
            "this is not the tokenizer of this checkpoint",
            f"{escaped(vocabulary.origin)} has {own:,} tokens and {escaped(name)} has {rows:,} rows",
            "Give the right one with --tokenizer",
        )
    value: Value = Rows(Take(name), 0, own) if padding else Take(name)
    return Fuse((value, Fill((vocabulary.appended, width)))) if vocabulary.appended else value


def padding_note(rows: int, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What to say of the rows that `embedding` drops."""
    padding = rows - len(vocabulary) + vocabulary.appended
    return (f"{padding} rows of padding dropped from the embedding",) if padding else ()
