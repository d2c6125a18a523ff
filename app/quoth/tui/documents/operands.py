"""What a slash command is given: files first, then words."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

_WORD = re.compile(r"""\s*(?:"(?P<double>[^"\n]+)"|'(?P<single>[^'\n]+)'|(?P<plain>(?:\\ |\S)+))""")
_BARE = re.compile(r"""[\w./~@+,=%*?\[\]\\-]+""")


class Operands(NamedTuple):
    """The leading words that name documents, and the text behind them."""

    names: tuple[str, ...]
    text: str


def operands(argument: str) -> Operands:
    """Split an argument: as many words from its beginning as name files, folders or patterns that match.

    A name with spaces stands in quotes or has backslashes before them; a colon behind the last one, as conversations
    show it, and an @ before one are left out. Looks at the disk.
    """
    names: list[str] = []
    at = 0
    while (match := _WORD.match(argument, at)) is not None:
        word = match["double"] or match["single"] or match["plain"].replace("\\ ", " ")
        colon = argument[match.end() : match.end() + 1] == ":"
        name = _named(word)
        if name is None and word.endswith(":"):
            name, colon = _named(word[:-1]), True
        if name is None:
            break
        names.append(name)
        at = match.end() + (1 if argument[match.end() : match.end() + 1] == ":" else 0)
        if colon:
            break
    return Operands(tuple(names), " ".join(argument[at:].split()))


def _named(word: str) -> str | None:
    """A word as a path that is there, or as a pattern that matches something."""
    for name in (word, word.removeprefix("@")):
        path = os.path.expanduser(name)
        try:
            if path and (os.path.exists(path) or (("*" in path or "[" in path) and glob.glob(path, recursive=True))):
                return path
        except (ValueError, OSError):  # a name that no file can have
            return None
    return None


def joined(names: Sequence[str], text: str) -> str:
    """An argument that is split into these names and this text again."""
    files = " ".join(name if _BARE.fullmatch(name) else f'"{name}"' for name in names)
    return f"{files}: {text}" if files and text else files or text
