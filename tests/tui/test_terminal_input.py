"""Bytes from a terminal are taken apart into keys and pastes, however they were cut."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.tui.terminal.terminal_input import BURST, PASTE_SILENCE, Pasted, TerminalInput

MARKS = "\x1b[200~\x1b[201~"
SMALL = st.lists(st.sampled_from([b"\x1b[200~", b"\x1b[201~", b"\x1b", b"[2", b"a", b"\r", b"\xff", "漢".encode()]))


def fed(pieces: list[bytes], limit: int = 1 << 20) -> tuple[str, list[Pasted]]:
    """What the keys' parser gets, and the pastes, after a long silence."""
    terminal = TerminalInput(limit)
    items = [item for piece in pieces for item in terminal.feed(piece, 0.0)]
    items += terminal.tick(100.0)
    return "".join(item for item in items if isinstance(item, str)), [i for i in items if isinstance(i, Pasted)]


@given(SMALL, st.data())
@settings(max_examples=300, deadline=None)
def test_how_the_bytes_were_cut_makes_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert fed(pieces) == fed([whole])


def test_the_parser_gets_the_marks_and_nothing_between() -> None:
    assert fed([b"a\x1b[200~b\x1b[Ac\x1b[201~d"]) == (f"a{MARKS}d", [Pasted("b\x1b[Ac")])
    assert fed([b"\x1b[200~\x1b[201~"]) == (MARKS, [Pasted("")])


def test_what_is_over_the_limit_is_dropped_and_counted() -> None:
    for size in (99, 100, 101, 105, 1000, 200_000):
        data = b"x" * size
        assert fed([b"\x1b[200~", data, b"\x1b[20", b"1~y"], 100) == (
            f"{MARKS}y",
            [Pasted("x" * min(size, 100), max(0, size - 100))],
        )
        pieces = [data[at : at + 4096] for at in range(0, size, 4096)]
        assert fed([b"\x1b[200~", *pieces, b"\x1b[201~"], 100)[1] == [Pasted("x" * min(size, 100), max(0, size - 100))]


def test_the_memory_of_a_paste_is_bounded() -> None:
    terminal = TerminalInput(1000)
    list(terminal.feed(b"\x1b[200~", 0.0))
    for _ in range(200):
        assert list(terminal.feed(b"x" * 65536, 0.0)) == []
        assert len(terminal._paste or b"") < 3 * 65536
    _, pasted = terminal.feed(b"\x1b[201~", 0.0)
    assert pasted == Pasted("x" * 1000, 200 * 65536 - 1000)


def test_a_burst_is_a_paste_and_what_is_typed_is_not() -> None:
    assert fed([b"x" * (BURST - 1)]) == ("x" * (BURST - 1), [])
    assert fed([b"x" * BURST]) == ("", [Pasted("x" * BURST)])
    assert fed([b"\x03" + b"line\r" * BURST, b"more", b"\x03", b"y"]) == (
        "\x03\x03y",
        [Pasted("line\r" * BURST + "more")],
    )
    assert fed([b"x" * 300, b"x" * 300], 400) == ("", [Pasted("x" * 400, 200)])
    assert fed([b"x" * 300 + b"\x1b[200~in\x1b[201~"]) == (MARKS, [Pasted("x" * 300), Pasted("in")])


def test_a_paste_whose_end_does_not_come_is_given_out_after_silence() -> None:
    terminal = TerminalInput()
    assert list(terminal.feed(b"\x1b[200~text", 10.0)) == ["\x1b[200~"]
    assert list(terminal.tick(10.0 + PASTE_SILENCE - 0.1)) == []
    assert list(terminal.tick(10.0 + PASTE_SILENCE)) == ["\x1b[201~", Pasted("text")]
    assert list(terminal.feed(b"a", 20.0)) == ["a"]


def test_it_looks_often_only_while_something_may_end() -> None:
    terminal = TerminalInput()
    assert terminal.wait(100.0) == 0.1
    list(terminal.feed(b"a", 100.0))
    assert terminal.wait(100.1) == 0.02
    assert terminal.wait(101.0) == 0.1
