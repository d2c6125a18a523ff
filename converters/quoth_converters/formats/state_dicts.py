"""The weights and settings in what torch.save wrote: {"model": {...}, "model_args": {...}}, or only the tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.formats.safetensors import weight_map
from quoth_converters.formats.tensors import LazyTensor, Weights
from quoth_converters.formats.torch_files import read_torch
from quoth_converters.formats.torch_objects import Unplaced

_STATE: Final = ("model", "state_dict", "model_state_dict", "module")  # where a file keeps its weights
_TRAINING: Final = ("optim", "scaler", "scheduler", "lr_sch")  # beginnings of what is of no use but to train on
_MOST_OF_ONE: Final = 10_000  # values in one setting
_MOST: Final = 200_000  # values in all
_DEEPEST: Final = 16


def read_state_dict(path: Path) -> Weights:
    """The tensors of a file by name, the settings beside them, and the names of what is ignored."""
    file = read_torch(path)
    root = file.root if isinstance(file.root, dict) else {}
    ignored = {name for name in root if isinstance(name, str) and name.startswith(_TRAINING)}
    for name in _STATE:
        inner = root.get(name)
        if isinstance(inner, dict) and (state := _tensors_of(inner)):
            root = {key: value for key, value in root.items() if key != name and key not in ignored}
            break
    else:
        state = _tensors_of(root)
        root = {key: value for key, value in root.items() if not isinstance(value, Unplaced)}
    if not state:
        why = "it holds no tensor under a name"
        raise ModelError(f"{escaped(path.name)} is not a state_dict", why, "Save model.state_dict()")
    tensors = {name: value.placed(name, file.storage) for name, value in state.items()}
    return Weights(tensors, plain(root), tuple(sorted(ignored)))


def read_state_dicts(index: Path) -> Weights:
    """The tensors of all the shards that a `pytorch_model.bin.index.json` names."""
    tensors: dict[str, LazyTensor] = {}
    for shard in dict.fromkeys(weight_map(index).values()):
        tensors.update(read_state_dict(shard).tensors)
    return Weights(tensors)


def _tensors_of(table: Mapping[Any, Any]) -> dict[str, Unplaced]:
    return {name: value for name, value in table.items() if isinstance(name, str) and isinstance(value, Unplaced)}


class _TooMuch(Exception):
    """A value too large to be a setting: a history of losses, or an endless one."""


def plain(table: Mapping[Any, Any]) -> dict[str, Any]:
    """The settings of a pickle as plain values; None for all others, and for those too large or too deep.

    Lists in a pickle may hold themselves, or one another a billion times over.
    """
    total = count()
    return {name: _bounded(value, total) for name, value in table.items() if isinstance(name, str)}


def _bounded(value: object, total: Iterator[int]) -> Any:
    try:
        return _copied(value, _DEEPEST, count(), total)
    except _TooMuch:
        return None


def _copied(value: object, depth: int, own: Iterator[int], total: Iterator[int]) -> Any:
    if depth == 0 or next(own) >= _MOST_OF_ONE or next(total) >= _MOST:
        raise _TooMuch
    match value:
        case dict():
            named = {key: item for key, item in value.items() if isinstance(key, str)}
            return {key: _copied(item, depth - 1, own, total) for key, item in named.items()}
        case list() | tuple():
            return [_copied(item, depth - 1, own, total) for item in value]
        case str() | int() | float():
            return value
    return None
