"""Pieces of an answer that are written close together travel together."""

from __future__ import annotations

from collections.abc import Iterator

from quoth.engine import Done, Event, Piece, Reading, Thought
from quoth.engine.worker.token_writer import join_pieces


def joined(events: list[tuple[float, Event]]) -> list[Event]:
    now = iter([0.0])

    def source() -> Iterator[Event]:
        nonlocal now
        for at, event in events:
            now = iter([at] * 3)
            yield event

    return list(join_pieces(source(), lambda: next(now)))


def test_pieces_that_come_close_together_travel_as_one() -> None:
    events = [(1.0, Piece(0, "a")), (1.005, Piece(0, "b")), (1.01, Piece(0, "c")), (1.03, Piece(0, "d"))]
    assert joined([*events, (2.0, Done(0, "stop"))]) == [Piece(0, "a"), Piece(0, "bcd", tokens=3), Done(0, "stop")]


def test_the_first_piece_goes_at_once_however_close_to_the_reading() -> None:
    events: list[tuple[float, Event]] = [(1.0, Reading(0, 5, 5)), (1.001, Piece(0, "a")), (9.0, Piece(0, "b"))]
    assert joined(events) == [Reading(0, 5, 5), Piece(0, "a"), Piece(0, "b")]


def test_pieces_of_different_requests_and_kinds_stay_apart() -> None:
    events: list[Event] = [Piece(0, "a"), Piece(0, "b"), Piece(1, "c"), Thought(1, "d"), Piece(1, "e"), Done(1, "stop")]
    assert joined([(1.0, event) for event in events]) == events
