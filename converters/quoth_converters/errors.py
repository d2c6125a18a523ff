"""What can be wrong with a checkpoint, its tokenizer or the file to write: each error knows why and what to try.

`kind` is what a caller maps to an exit code; `str(error)` is one line: WHAT (WHY). TRY
"""

from __future__ import annotations

import reprlib
from typing import ClassVar, Final, Literal

Kind = Literal["checkpoint", "unsupported", "tokenizer", "output", "cancelled"]
_LONGEST = 120  # characters of a name out of a file
_REPR: Final = reprlib.Repr()  # a list of a pickle may hold itself a billion times over, or be nested without end
_REPR.maxtuple = _REPR.maxlist = 12


class ConvertError(Exception):
    """A checkpoint that is damaged, hostile or not what its own configuration says."""

    kind: ClassVar[Kind] = "checkpoint"

    def __init__(self, what: str, why: str = "", try_: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.try_ = try_

    def __str__(self) -> str:
        sentence = f"{self.what} ({self.why})" if self.why else self.what
        return f"{sentence}. {self.try_}" if self.try_ else sentence


class UnsupportedError(ConvertError):
    """A checkpoint in order, of a kind that cannot be expressed or is not read yet."""

    kind = "unsupported"


class TokenizerError(ConvertError):
    """The tokenizer is missing, unreadable, or another model's."""

    kind = "tokenizer"


class OutputError(ConvertError):
    """The result could not be written."""

    kind = "output"


class Cancelled(ConvertError):
    """The caller asked to stop; nothing is left behind."""

    kind = "cancelled"


def shown(text: object) -> str:
    """Text out of a file as a message may carry it: printable, on one line, at most 120 characters."""
    line = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in _written(text)[:1000])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _written(value: object) -> str:
    """A value in letters, in bounded time whatever it holds."""
    try:
        return _REPR.repr(value) if isinstance(value, (list, tuple, dict, set, frozenset)) else str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"a very large {type(value).__name__}"
