"""What a user can fix: each error knows its exit code and its next step.

The exit codes are the table of the README. `str(error)` is the one line that stderr gets, without the
`quoth: error: ` in front of it: WHAT (WHY). TRY
"""

from __future__ import annotations

import reprlib
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MODEL = 3
    ENGINE = 4
    INPUT = 5
    NETWORK = 6
    STORAGE = 7
    NOT_FOUND_IN_DOCUMENTS = 8
    HANGUP = 129
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class QuothError(Exception):
    """One clear sentence, why, and what to try next."""

    exit_code = Exit.FAILED

    def __init__(self, what: str, why: str = "", try_: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.try_ = try_

    def __str__(self) -> str:
        return sentences(f"{self.what} ({self.why})" if self.why else self.what, self.try_)


def sentences(*parts: str) -> str:
    """Parts that are not empty, one after another, each but the last ended by a full stop unless it has an end."""
    *before, last = [part for part in parts if part] or [""]
    return " ".join([*(part if part.endswith((".", "?", "!")) else f"{part}." for part in before), last])


class Ended(BaseException):
    """A signal asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class UsageError(QuothError):
    """An option, a grammar or a schema that makes no sense."""

    exit_code = Exit.USAGE


class ModelError(QuothError):
    """A model is missing, bad or unsupported."""

    exit_code = Exit.MODEL


class EngineError(QuothError):
    """The engine died or memory ran out."""

    exit_code = Exit.ENGINE


class InputError(QuothError):
    """The input does not fit or cannot be read."""

    exit_code = Exit.INPUT


class NetworkError(QuothError):
    """The network or the hub did not give what was asked for."""

    exit_code = Exit.NETWORK


class StorageError(QuothError):
    """The disk, a permission or the history."""

    exit_code = Exit.STORAGE


BY_CODE: dict[int, type[QuothError]] = {
    error.exit_code: error
    for error in (UsageError, ModelError, EngineError, InputError, NetworkError, StorageError, QuothError)
}

_REPR = reprlib.Repr()  # a list of a pickle may hold itself a billion times over, or be nested without end
_REPR.maxtuple = _REPR.maxlist = 12


def escaped(value: object, limit: int = 120) -> str:
    """What stands in a file as a message may carry it: printable, on one line, at most `limit` characters."""
    line = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in _written(value)[:1000])
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _written(value: object) -> str:
    """A value in letters, in bounded time whatever it holds."""
    try:
        return _REPR.repr(value) if isinstance(value, (list, tuple, dict, set, frozenset)) else str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"a very large {type(value).__name__}"
