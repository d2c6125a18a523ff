"""What kind of summary is asked for, and the events while it is made. Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from quoth.engine import Notice, Usage
from quoth.tasks.collection import Span

Style = Literal["prose", "bullets", "outline"]

LENGTHS = {"short": 60, "medium": 150, "long": 400}  # words


@dataclass(frozen=True, slots=True)
class SummaryOptions:
    """What kind of summary is asked for. `words` is how long; `focus` what matters; `language` what it is in."""

    words: int = LENGTHS["medium"]
    style: Style = "prose"
    focus: str = ""
    language: str = ""


class Planned(NamedTuple):
    """What lies ahead: parts and tokens, parts that are known from before, and seconds by the rates so far."""

    parts: int
    tokens: int
    known: int
    seconds: float


class Step(NamedTuple):
    """`done` of `total` units of a step are done: "reading", 3, 42, "parts"; and what is being read now."""

    verb: str
    done: int
    total: int
    unit: str = "parts"
    what: str = ""


class Noted(NamedTuple):
    """The notes on a part: as a list, and each with where it is from."""

    part: int
    text: str
    facts: tuple[tuple[str, tuple[Span, ...]], ...] = ()


class Sentence(NamedTuple):
    """A sentence of the summary, what stands before it ("", " ", "\\n- "), and where it is from."""

    text: str
    before: str
    spans: tuple[Span, ...]


class Summarized(NamedTuple):
    """The end: what was read of what there is, and how many sentences were left out for want of support."""

    parts: int
    parts_read: int
    tokens: int
    tokens_read: int
    unsupported: int
    reason: str
    usage: Usage
    known: int = 0  # parts whose notes were there before
    extracted: bool = False  # in the text's own sentences

    @property
    def dropped(self) -> int:
        return self.tokens - self.tokens_read


Event = Planned | Step | Noted | Sentence | Notice | Summarized
