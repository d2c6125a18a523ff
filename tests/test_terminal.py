"""The promise to a person's terminal, in a real one: tmux, 80 columns by 24 lines."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 30.0


class Pane:
    """One pane with a shell in it, on a tmux server of its own."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self._socket = str(folder / "tmux.socket")
        self._environ = {**environ, "PS1": "ready$ ", "TERM": "xterm-256color"}
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", "bash", "--norc", "--noprofile")

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, "-f", os.devnull, *arguments]
        return subprocess.run(command, env=self._environ, check=True, capture_output=True, text=True, timeout=30).stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        self.tmux("send-keys", key)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen that are not empty."""
        return [line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines() if line.strip()]

    def until(self, text: str, count: int = 1) -> list[str]:
        """Wait until a text begins so many lines."""
        end = time.monotonic() + SECONDS
        while sum(line.startswith(text) for line in self.lines) < count:
            assert time.monotonic() < end, f"{text!r} did not come: {self.lines}"
            time.sleep(0.05)
        return self.lines


if sys.platform != "win32":

    @pytest.fixture
    def pane(tmp_path: Path, environ: dict[str, str], installed: Path) -> Iterator[Pane]:
        pane = Pane(tmp_path, {**environ, "QUOTH_THREADS": "1"})
        try:
            pane.until("ready$")
            pane.type(f'quoth() {{ {shlex.quote(sys.executable)} -m quoth "$@"; }}; clear')
            pane.until("ready$")
            yield pane
        finally:
            pane.tmux("kill-server")

    def sane(pane: Pane) -> None:
        """The shell echoes what is typed, runs it, and the terminal is in no strange mode."""
        pane.type("clear; printf 'still %s\\n' here; stty -a | grep -o -- '-\\?echo\\b\\|-\\?icanon\\|-\\?isig'")
        assert pane.until("isig")[:4] == ["still here", "isig", "icanon", "echo"]
        assert pane.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").split() == [
            "0",
            "1",
            "0",
        ]

    def test_an_answer_stands_between_two_prompts_of_the_shell(pane: Pane) -> None:
        pane.type("quoth Say hello. -n 3 -t 0; echo code $?")
        lines = pane.until("code ")
        assert lines[0] == "ready$ quoth Say hello. -n 3 -t 0; echo code $?"
        assert lines[-2] == "code 0"
        assert lines[-1] == "ready$"
        assert len(lines) == 4
        sane(pane)

    def test_ctrl_c_in_the_middle_of_an_answer_leaves_a_sane_shell(pane: Pane, tmp_path: Path) -> None:
        (tmp_path / "endless.gbnf").write_text('root ::= [a-z]+ " " root')
        pane.type(f"clear; quoth Go. -t 2 --grammar {tmp_path}/endless.gbnf; echo code $?")
        end = time.monotonic() + SECONDS
        while not pane.lines or len("".join(pane.lines)) < 40:
            assert time.monotonic() < end
            time.sleep(0.05)
        pane.press("C-c")
        lines = pane.until("code ")
        assert lines[-2:] == ["code 130", "ready$"]
        assert lines[-3].endswith("^C")
        assert not any("Traceback" in line or "quoth: error" in line for line in lines)
        sane(pane)

    def test_ctrl_c_while_reading_takes_the_progress_away(pane: Pane, tmp_path: Path) -> None:
        (tmp_path / "long.txt").write_text("word " * 7000)
        pane.type(f"clear; quoth Go. -f {tmp_path}/long.txt; echo code $?")
        pane.until("reading ")
        pane.press("C-c")
        lines = pane.until("code ")
        assert lines[-2:] == ["code 130", "ready$"]
        assert not any(line.startswith("reading") for line in lines)
        sane(pane)
