"""What happens while a question about documents is answered."""

from __future__ import annotations

from typing import NamedTuple

from quoth.engine import Notice, Usage
from quoth.tasks.collection import Span


class Citation(NamedTuple):
    """A quote as it stands in a document, white space folded, and where."""

    quote: str
    span: Span


class QuotesFound(NamedTuple):
    """What the words of the question found, before anything was read by a model. `answers`: enough of them."""

    citations: tuple[Citation, ...]
    answers: bool


class ReadingPlanned(NamedTuple):
    """So many passages are about to be read; `seconds` that takes, by the speed so far."""

    passages: int
    tokens: int
    seconds: float


class PassagesRead(NamedTuple):
    """`done` of `total` passages have been read."""

    done: int
    total: int


class Drafted(NamedTuple):
    """The answer so far, as the model writes it: not yet checked."""

    text: str


class Answered(NamedTuple):
    """The end. `read` are the parts that the model read; without `found` the answer is not in what was read.

    `nearest` is then what comes closest. `odds` are log(P(yes) / P(no)) to whether the passages say the answer,
    `source_odds` to whether the cited sentences do; None where no model was asked.
    """

    answer: str
    citations: tuple[Citation, ...]
    read: tuple[int, ...]
    usage: Usage
    reason: str = "stop"
    odds: float | None = None
    source_odds: float | None = None
    nearest: tuple[Citation, ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.citations)


Step = ReadingPlanned | PassagesRead | Drafted | Notice
Event = QuotesFound | Step | Answered
