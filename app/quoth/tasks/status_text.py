"""What the command line and the app say about work on documents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quoth.text.units import counted, format_duration

if TYPE_CHECKING:
    from quoth.tasks.answers.events import ReadingPlanned
    from quoth.tasks.summaries.summary import Planned, Summarized

LONG = 60  # seconds of work that are announced before
NOT_FOUND = "not in the documents"


def too_small(model: str) -> str:
    """Why a summary consists of the text's own sentences."""
    return (
        f"{model} is too small to be trusted with a summary in its own words: "
        "these are the text's most telling sentences"
    )


def planned(plan: Planned, model: str) -> str:
    """What is about to be read, and how long it takes."""
    known = f", {plan.known} of them known from before" if plan.known else ""
    return f"{plan.tokens:,} tokens in {plan.parts} parts{known}: about {format_duration(plan.seconds)} with {model}"


def planned_reading(plan: ReadingPlanned, model: str) -> str:
    """What is about to be read for an answer, and how long it takes."""
    took = format_duration(plan.seconds)
    return f"{plan.tokens:,} tokens in {counted(plan.passages, 'passages')}: about {took} with {model}"


def reading(plan: ReadingPlanned) -> str:
    """The same in a few words, while it begins."""
    took = f", about {format_duration(plan.seconds)}" if plan.seconds >= 1 else ""
    return f"reading {counted(plan.passages, 'passages')}{took}"


def some_read(read: int, passages: int) -> str:
    """Which of so many passages a question was put to, where that was not all of them."""
    if passages == 1 and not read:
        return "the only passage does not match the question"
    best = "the one that matches the question best was" if read == 1 else f"the {read:,} that match it best were"
    which = f"{best} read" if read else "none matches the question"
    return f"of {passages:,} passages {which}"


def covered(end: Summarized, seconds: float) -> str:
    """How much was read."""
    known = f" ({end.known} from before)" if end.known else ""
    rate = f", {end.tokens_read / seconds:,.0f} tokens/s" if seconds > 0.1 else ""
    left = f"; {end.unsupported} unsupported sentence{'s' if end.unsupported > 1 else ''} left out"
    return (
        f"read {end.parts_read:,} of {end.parts:,} parts{known}, {end.tokens_read:,} of {end.tokens:,} tokens, "
        f"{end.dropped:,} dropped, in {format_duration(seconds)}{rate}{left if end.unsupported else ''}"
    )
