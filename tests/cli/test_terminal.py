"""What a model says shows text on a terminal and does nothing else; pyte says what the terminal would show."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace

import pytest

from quoth.text import clean
from tests.cli.attacks import ATTACKS
from tests.cli.programs import ANSWERING, ENVIRONMENT, ROOT
from tests.cli.terminal import State, look, run_on_terminal

UNTOUCHED = look(b"")
CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]"
    "|\r(?!\n)"
)


def on_terminal(text: str) -> bytes:
    """Plain text as a terminal driver passes it on."""
    return text.replace("\n", "\r\n").encode()


def effects(state: State) -> State:
    """All of a state but the text and where it ends."""
    return replace(state, shown=(), cursor=(0, 0))


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """What the terminal gets for each attack, written in one run between two marks."""
    written, code = run_on_terminal([*ANSWERING, "--attacks"], env=ENVIRONMENT, cwd=ROOT)
    assert code == 0
    return {name.decode(): answer for name, answer in re.findall(rb"<<<(.*?)\r\n(.*?)\r\n>>>", written, re.DOTALL)}


def test_the_terminal_of_these_tests_notices_attacks() -> None:
    """Written as they are, most attacks change the state; the others need a terminal that knows more than pyte."""
    raw = {name: attack.encode("utf-8", "surrogatepass") for name, attack in ATTACKS.items()}
    noticed = [name for name, data in raw.items() if look(data) != look(on_terminal(clean(ATTACKS[name])[0]))]
    touched = [name for name, data in raw.items() if effects(look(data)) != effects(UNTOUCHED)]
    assert len(ATTACKS) >= 60
    assert len(noticed) >= 60
    assert {"title", "cursor hidden", "alternate screen", "cursor report", "colour left on"} <= {*noticed}
    assert len(touched) >= 20
    assert all(CONTROLS.search(attack) or "\ud800" in attack or "\ufff9" in attack for attack in ATTACKS.values())


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_shows_text_and_changes_nothing_else(name: str, answers: dict[str, bytes]) -> None:
    written = answers[name].decode("utf-8")
    assert not CONTROLS.search(written)
    state = look(answers[name])
    assert effects(state) == effects(UNTOUCHED)
    plain = look(on_terminal(clean(ATTACKS[name])[0]))
    assert (state.shown, state.cursor) == (plain.shown, plain.cursor)


@pytest.mark.parametrize("megabytes", [1, pytest.param(10, marks=pytest.mark.long)])
def test_megabytes_of_hostile_bytes_pass_a_terminal_without_effect(megabytes: int) -> None:
    began = time.perf_counter()
    written, code = run_on_terminal([*ANSWERING, f"--hostile={megabytes}000000"], env=ENVIRONMENT, cwd=ROOT)
    assert time.perf_counter() - began < 60
    assert code == 0
    assert len(written) > megabytes * 500_000
    assert not CONTROLS.search(written.decode("utf-8"))
    assert effects(look(written[-20_000:].decode("utf-8", "ignore").encode())) == effects(UNTOUCHED)


def test_progress_and_talk_share_the_terminal_with_the_answer() -> None:
    written, code = run_on_terminal([*ANSWERING, "--progress"], stdin=b"The answer.\xff\n\n", env=ENVIRONMENT, cwd=ROOT)
    assert code == 0
    assert re.search(rb"\rreading \d+ of 1,000 tokens", written)
    assert b"\x1b" not in written
    state = look(written)
    assert [line for line in state.shown if line] == [
        "quoth: 1 byte that is not UTF-8 was replaced",
        "The answer.\ufffd",
    ]
    assert state.cursor == (2, 0)


@pytest.mark.parametrize(
    ("options", "env"), [([], {"TERM": "dumb"}), (["--quiet"], {}), ([], {"TERM": "dumb", "NO_COLOR": "1"})]
)
def test_a_dumb_terminal_and_quiet_see_no_progress(options: list[str], env: dict[str, str]) -> None:
    written, code = run_on_terminal(
        [*ANSWERING, "--progress", *options], stdin=b"The answer.", env=ENVIRONMENT | env, cwd=ROOT
    )
    assert (written, code) == (b"The answer.\r\n", 0)


def test_progress_goes_to_the_terminal_while_the_answer_goes_to_a_pipe() -> None:
    reader, writer = os.pipe()
    written, code = run_on_terminal(
        [*ANSWERING, "--progress"], stdin=b"The answer.", env=ENVIRONMENT, cwd=ROOT, stdout=writer
    )
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read() == b"The answer.\n"
    assert code == 0
    assert b"reading" in written
    assert look(written) == UNTOUCHED


def test_a_terminal_on_standard_input_is_not_waited_for() -> None:
    written, code = run_on_terminal(ANSWERING, stdin=None, env=ENVIRONMENT, cwd=ROOT)
    assert (written, code) == (b"quoth: no standard input\r\nnothing was piped\r\n", 0)
