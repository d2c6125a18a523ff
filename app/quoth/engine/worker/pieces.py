"""Fewer frames: pieces of text that come close together travel as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from quoth.engine import Event, Piece

JOIN_SECONDS = 0.05  # pieces of text written within this time travel as one frame


def join_pieces(events: Iterator[Event], clock: Callable[[], float]) -> Iterator[Event]:
    """Join pieces that come close together; the first, and every other event, goes at once.

    Each frame wakes the parent, on a core that the next token needs.
    """
    held: Piece | None = None
    last = float("-inf")
    for event in events:
        if isinstance(event, Piece) and (held is None or held.request == event.request):
            held = event if held is None else _joined(held, event)
            if clock() - last < JOIN_SECONDS:
                continue
            event, held = held, None
        elif held is not None:
            yield held
            held = None
        yield event
        last = clock() if isinstance(event, Piece) else float("-inf")
    if held is not None:
        yield held


def _joined(one: Piece, other: Piece) -> Piece:
    return Piece(one.request, one.text + other.text, one.logprobs + other.logprobs, one.tokens + other.tokens)
