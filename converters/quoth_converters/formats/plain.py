"""The settings of a pickle as plain values: lists in it may hold themselves, or one another a billion times over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

_MOST_OF_ONE: Final = 10_000  # values in one setting
_MOST: Final = 200_000  # values in all
_DEEPEST: Final = 16


class _TooMuch(Exception):
    """A setting that is no setting: a history of losses, or made to be endless."""


def plain(table: Mapping[Any, Any]) -> dict[str, Any]:
    """The entries that have a name; what is no plain value, too large or nested too deep becomes None."""
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
