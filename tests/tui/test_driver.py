"""What a terminal may send, on a real one: invalid bytes, pastes of any size and shape, floods, and its own end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal

pytestmark = pytest.mark.more


COMMAND = [sys.executable, str(Path(__file__).with_name("small_app.py"))]


@pytest.fixture
def terminal(environ: dict[str, str]) -> Iterator[Terminal]:
    with Terminal([*COMMAND, "nothing"], environ) as terminal:
        terminal.wait_for("size=80x24")
        yield terminal


def test_invalid_utf_8_becomes_a_replacement_character_and_the_app_lives(terminal: Terminal) -> None:
    terminal.feed(b"\xff")
    terminal.wait_for("'\ufffd'")
    terminal.feed(b"\xf7\xbf\xbf\xbf\xed\xa0\x80\xc3(")
    terminal.wait_for("'('")
    terminal.type("é")
    terminal.wait_for("'é'")
    terminal.press("ctrl+q")
    assert (terminal.end(), terminal.left_behind) == (0, [])


def test_a_character_cut_between_two_reads_arrives_whole(terminal: Terminal) -> None:
    terminal.feed("漢".encode()[:2])
    time.sleep(0.3)
    terminal.feed("漢".encode()[2:])
    terminal.wait_for("'漢'")


def test_a_megabyte_pasted_is_one_event_within_half_a_second(terminal: Terminal) -> None:
    begin = time.monotonic()
    terminal.paste("begin\n" + "x" * (1 << 20) + "\nend")
    terminal.wait_for(f"keys=0 pastes=1 pasted={(1 << 20) + 10}")
    assert time.monotonic() - begin < 0.5
    terminal.wait_for("last paste: 'begin\\rxxxxxxxxxxxxxx'..'xxxxxxxxxxxxxxxx\\rend'")


def test_control_codes_and_invalid_bytes_inside_a_paste_do_no_harm(terminal: Terminal) -> None:
    terminal.feed(b"\x1b[200~a\xff\x03\x1b[A\x1b[200~\x00b\x1b[201~")
    terminal.wait_for("last paste: 'a\ufffd\\x03\\x1b[A\\x1b[200~b'")
    terminal.wait_for("keys=0 pastes=1")


def test_marks_cut_anywhere_are_found(terminal: Terminal) -> None:
    for cut in range(1, 6):
        for part in (b"\x1b[200~"[:cut], b"\x1b[200~"[cut:] + b"text" + b"\x1b[201~"[:cut], b"\x1b[201~"[cut:]):
            terminal.feed(part)
            time.sleep(0.03)
    terminal.wait_for("keys=0 pastes=5 pasted=20")
    terminal.press("a")
    terminal.wait_for("keys=1")


def test_keys_before_and_after_a_paste_keep_their_order(terminal: Terminal) -> None:
    terminal.feed(b"ab\x1b[200~pasted\x1b[201~cd\x1b[A")
    terminal.wait_for("keys=5 pastes=1 pasted=6")
    terminal.wait_for("last key: up")


def test_a_paste_without_an_end_arrives_after_silence_and_keys_work_again(terminal: Terminal) -> None:
    terminal.feed(b"\x1b[200~no end")
    took = terminal.wait_for("pasted=6", 5)
    assert took > 1.5
    terminal.press("a")
    terminal.wait_for("last key: a")


def test_a_hundred_kilobytes_without_brackets_are_a_paste_too(terminal: Terminal) -> None:
    begin = time.monotonic()
    terminal.feed(b"line of text\r" * 8000)
    terminal.wait_until(lambda: "pasted=104000" in terminal.text, "the text", 10)
    assert time.monotonic() - begin < 1
    assert "keys=0 " in terminal.text


def test_an_unfinished_sequence_of_a_hundred_thousand_digits_stalls_nothing(terminal: Terminal) -> None:
    begin = time.monotonic()
    terminal.feed(b"\x1b[" + b"1" * 100_000)
    terminal.feed(b"\x1b[B")
    terminal.wait_for("last key: down")
    assert time.monotonic() - begin < 1


FLOODS = [b"\x1b[A", b"\x1b]0;"]  # whole sequences, and one that never ends
MORE_FLOODS = [b"\x1b", b"\x1b[", b"\x1b[<35;1;1M", b"\x1b[1;2;3;4;5", b"\x00"]


@pytest.mark.parametrize("flood", [*FLOODS, *(pytest.param(flood, marks=pytest.mark.long) for flood in MORE_FLOODS)])
def test_in_a_flood_of_sequences_the_app_draws_and_hears_a_signal(environ: dict[str, str], flood: bytes) -> None:
    with Terminal([*COMMAND, "stream"], environ) as terminal:
        terminal.wait_for("size=80x24")
        begin = time.monotonic()
        while time.monotonic() - begin < 1.5:
            terminal.offer(flood * 100)
        times = [moment for moment, _ in terminal.times if moment > begin]
        gaps = [after - before for before, after in pairwise(times)]
        assert max(gaps) < 0.25
        terminal.signal(signal.SIGTERM)
        assert terminal.process.wait(timeout=2) == 143
        assert (terminal.end(), terminal.left_behind) == (143, [])


def test_the_escape_key_is_not_held_back(terminal: Terminal) -> None:
    terminal.feed(b"a")
    terminal.wait_for("last key: a")
    begin = time.monotonic()
    terminal.feed(b"\x1b")
    terminal.wait_for("last key: escape")
    assert time.monotonic() - begin < 0.25


def test_an_app_that_fails_puts_the_terminal_back(terminal: Terminal) -> None:
    terminal.press("f2")
    terminal.end()
    assert terminal.left_behind == []
    assert "the app itself fails" in terminal.text


def test_the_app_ends_when_its_terminal_goes_away(terminal: Terminal) -> None:
    terminal.hang_up()
    assert terminal.process.wait(timeout=5) == 129
