"""The messages of every worker: what it is asked and what it answers. The engine adds its own (engine/messages.py).

A worker gives up access to all that its first request does not need (engine/worker/sandbox.py).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

from quoth.errors import BY_CODE, QuothError
from quoth.workers.wire import records

# Requests without an answer


class Log(NamedTuple):
    """Write what goes to standard error to the end of a file."""

    path: Path


class Stop(NamedTuple):
    """Stop a call."""

    call: int


# Requests of the checks on a conversion; the models are numbered in the order in which they were opened


class OpenModels(NamedTuple):
    """Load files to compute exactly, keys and values in F32. Value: the context that each was trained with."""

    paths: tuple[Path, ...]
    n_ctx: int
    threads: int


class TokenizeTexts(NamedTuple):
    """Token ids of texts, in which special-token strings are tokens. Value: one tuple of ids a text."""

    texts: tuple[str, ...]
    bos: bool = False
    special: bool = True
    model: int = 0


class Pieces(NamedTuple):
    """Value: the bytes of every token."""


class ComputeLogits(NamedTuple):
    """Logits after each of at most SLICE tokens. Value: their rows as bytes, float32.

    A text that begins is computed with nothing before it, also at a position other than 0.
    """

    ids: tuple[int, ...]
    position: int
    begins: bool
    model: int = 0


class Quantize(NamedTuple):
    """Write a file at another quantization ("Q8_0"). Value: (tensor, ggml type before, ggml type after) for each.

    `overrides` are (regular expression over a tensor's name, ggml type "q8_0"); a dry run writes nothing.
    """

    source: Path
    target: Path
    quantization: str
    overrides: tuple[tuple[str, str], ...] = ()
    threads: int = 0
    dry_run: bool = False


SLICE = 64  # tokens whose logits are asked for at once


# Answers


class Value(NamedTuple):
    """What a call gave; its end."""

    value: Any = None


class Failure(NamedTuple):
    """The error that ended a call."""

    code: int
    what: str
    why: str
    try_: str

    def error(self) -> QuothError:
        return BY_CODE.get(self.code, QuothError)(self.what, self.why, self.try_)


class Beat(NamedTuple):
    """A call goes on; so much of it is done."""

    done: float = 0.0
    total: float = 1.0


RECORDS = records(sys.modules[__name__])
