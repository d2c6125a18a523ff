"""Signals end the app in order and leave the terminal as it was, on a real one; Ctrl-Z and fg go there and back."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from quoth.tui.terminal.signals import ENDING, ending
from tests.tui.small_app import SmallApp
from tests.tui.terminal import Terminal

PROGRAM = Path(__file__).with_name("small_app.py")
COMMAND = [sys.executable, str(PROGRAM)]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGQUIT: 131}


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("doing", [pytest.param("nothing", marks=pytest.mark.long), "stream"])
def test_a_signal_ends_the_app_and_puts_the_terminal_back(
    environ: dict[str, str], number: signal.Signals, doing: str
) -> None:
    with Terminal([*COMMAND, doing], environ) as terminal:
        terminal.wait_for("size=80x24")
        assert len(terminal.left_behind) >= 8  # there is something to put back
        terminal.signal(number)
        assert terminal.end() == CODES[number]
        assert terminal.left_behind == []
        assert terminal.lines[0] == f"left with {CODES[number]}"
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize("moments", [(0, 3, 6), pytest.param((1, 2, 4, 5, 7), marks=pytest.mark.long)])
def test_a_signal_at_any_moment_of_the_start_ends_the_app(environ: dict[str, str], moments: tuple[int, ...]) -> None:
    for moment in moments:
        with Terminal([*COMMAND, "stream"], environ) as terminal:
            terminal.wait_until(lambda: b"\x1b[?1049h" in terminal.raw, "the alternate screen")
            time.sleep(moment * 0.02)
            terminal.signal(signal.SIGTERM)
            assert (terminal.end(), terminal.left_behind) == (143, [])


def test_a_second_signal_ends_an_app_that_hangs(environ: dict[str, str]) -> None:
    with Terminal([*COMMAND, "nothing"], environ) as terminal:
        terminal.wait_for("size=80x24")
        terminal.press("f3")
        time.sleep(0.5)
        terminal.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert terminal.process.poll() is None
        terminal.signal(signal.SIGTERM)
        assert terminal.end(5) == -signal.SIGTERM
        assert terminal.left_behind == []


async def test_the_handlers_before_come_back_and_what_was_ignored_stays_so() -> None:
    def before(*_: object) -> None: ...

    old = {name: signal.getsignal(getattr(signal, name)) for name in ENDING}
    try:
        for name in ENDING:
            signal.signal(getattr(signal, name), before)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with ending(SmallApp("nothing"), asyncio.get_running_loop()):
            assert signal.getsignal(signal.SIGTERM) is not before
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert [signal.getsignal(getattr(signal, name)) for name in ENDING] == [
            before,
            before,
            signal.SIG_IGN,
            before,
        ]
    finally:
        for name, handler in old.items():
            signal.signal(getattr(signal, name), handler)


def shell(environ: dict[str, str]) -> Terminal:
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], {**environ, "PS1": "ready$ "})
    terminal.wait_for("ready$")
    terminal.type(f"{shlex.join([*COMMAND, 'stream'])}\r")
    terminal.wait_for("size=80x24")
    return terminal


def is_sane(terminal: Terminal) -> None:
    """The shell echoes what is typed, runs it, and no mode is left; bash itself asks for bracketed pastes."""
    terminal.type("clear; echo still $((2+2))\r")
    terminal.wait_for("still 4")
    assert set(terminal.left_behind) <= {"bracketed paste", "terminal attributes"}


def test_ctrl_z_gives_the_shell_a_sane_terminal_and_fg_brings_the_app_back(environ: dict[str, str]) -> None:
    with shell(environ) as terminal:
        for _ in range(3):
            terminal.press("ctrl+z")
            terminal.wait_for("Stopped")
            is_sane(terminal)
            terminal.type("fg\r")
            terminal.wait_for("streaming keys")
            before = terminal.text
            terminal.wait_until(lambda: terminal.text not in (before, ""), "the stream")  # noqa: B023  # used at once
            terminal.press("a")
            terminal.wait_for("last key: a")
        terminal.press("ctrl+q")
        terminal.wait_for("left with 0")
        is_sane(terminal)


def test_a_stop_nobody_told_of_is_healed_when_it_continues(environ: dict[str, str]) -> None:
    with shell(environ) as terminal:
        process = int(Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()[0])
        for _ in range(3):
            os.kill(process, signal.SIGSTOP)
            terminal.wait_for("Stopped")
            terminal.type("clear\r")
            terminal.wait_quiet()
            terminal.type("fg\rzy")
            terminal.wait_for("last key: y")  # typed before the app had the terminal again
            terminal.press("a")
            terminal.wait_for("last key: a")
        terminal.wait_for("keys=9 ")
        os.kill(process, signal.SIGCONT)  # it runs already
        time.sleep(0.3)
        terminal.press("ctrl+q")
        terminal.wait_for("left with 0")
        is_sane(terminal)


def test_an_editor_that_has_the_terminal_meanwhile_gets_its_keys(environ: dict[str, str]) -> None:
    with Terminal([*COMMAND, "nothing"], environ) as terminal:
        terminal.wait_for("size=80x24")
        terminal.press("ctrl+e")
        terminal.wait_for("an editor")
        assert terminal.left_behind == []
        terminal.type("text\r")
        terminal.wait_for("size=80x24")
        terminal.press("b")
        terminal.wait_for("last key: b")
        terminal.press("ctrl+q")
        assert (terminal.end(), terminal.left_behind) == (0, [])


def test_resizes_in_a_storm_are_survived_and_the_last_one_counts(environ: dict[str, str]) -> None:
    with Terminal([*COMMAND, "stream"], environ) as terminal:
        terminal.wait_for("size=80x24")
        for turn in range(200):
            terminal.resize(1 + turn * 7 % 150, 1 + turn * 5 % 50)
        for columns, lines in ((1, 1), (0, 0), (100, 30)):
            terminal.resize(columns, lines)
            time.sleep(0.1)
        terminal.wait_for("size=100x30")
        terminal.press("ctrl+q")
        assert (terminal.end(), terminal.left_behind) == (0, [])
