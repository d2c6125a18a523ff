"""What the command line and the app both say of work on documents. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quoth.tasks.summaries.summary import Planned, Summarized

LONG = 60  # seconds of work that are announced before


def minutes(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def too_small(model: str) -> str:
    """Why a summary is made of the text's own sentences."""
    return (
        f"{model} is too small to be trusted with a summary in words of its own: "
        "these are the text's most telling sentences"
    )


def planned(plan: Planned, model: str) -> str:
    """What lies ahead."""
    known = f", {plan.known} of them known from before" if plan.known else ""
    return f"{plan.tokens:,} tokens in {plan.parts} parts{known}: about {minutes(plan.seconds)} with {model}"


def covered(end: Summarized, seconds: float) -> str:
    """What was read of what there is."""
    known = f" ({end.known} from before)" if end.known else ""
    rate = f", {end.tokens_read / seconds:,.0f} tokens/s" if seconds > 0.1 else ""
    left = f"; {end.unsupported} unsupported sentence{'s' if end.unsupported > 1 else ''} left out"
    return (
        f"read {end.parts_read:,} of {end.parts:,} parts{known}, {end.tokens_read:,} of {end.tokens:,} tokens, "
        f"{end.dropped:,} dropped, in {minutes(seconds)}{rate}{left if end.unsupported else ''}"
    )
