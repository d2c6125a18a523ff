"""Copying says where the text went, and is right about it: with small programs in the tools' places and a real tmux."""

from __future__ import annotations

import base64
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quoth.tui.terminal.clipboard import OSC_52_LIMIT, copy

TEXT = "Grüße, 漢字\nline two\n"
SENT = "sent to the terminal (OSC 52); it does not say whether it took it"


@dataclass
class Desk:
    """A folder of programs, and what the terminal was sent."""

    folder: Path
    written: list[str] = field(default_factory=list)

    def program(self, name: str, body: str = "") -> None:
        path = self.folder / name
        path.write_text(
            f'#!/bin/sh\necho "$@" > {self.folder}/{name}.options\n{body or f"cat > {self.folder}/{name}.got"}\n'
        )
        path.chmod(0o755)

    def got(self, name: str) -> bytes:
        return (self.folder / f"{name}.got").read_bytes()

    def options(self, name: str) -> str:
        return (self.folder / f"{name}.options").read_text().strip()

    def copy(self, text: str = TEXT, **environ: str) -> str:
        found = {"PATH": f"{self.folder}:/usr/bin:/bin", **environ}
        return copy(text, write=self.written.append, environ=found, folder=self.folder / "copies")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("name", "environ", "options"),
    [
        ("xclip", {"DISPLAY": ":0"}, "-selection clipboard"),
        ("xsel", {"DISPLAY": ":0"}, "--clipboard --input"),
        ("xclip", {"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a b c d"}, "-selection clipboard"),
        ("wl-copy", {"WAYLAND_DISPLAY": "wayland-0"}, ""),
        ("pbcopy", {}, ""),
    ],
)
def test_a_native_tool_gets_the_text_and_is_named(desk: Desk, name: str, environ: dict[str, str], options: str) -> None:
    desk.program(name)
    assert desk.copy(**environ) == f"copied with {name}"
    assert desk.got(name).decode() == TEXT
    assert desk.options(name) == options
    assert desk.written == []


def test_clip_exe_gets_utf_16(desk: Desk) -> None:
    desk.program("clip.exe")
    assert desk.copy(WSL_DISTRO_NAME="Debian") == "copied with clip.exe"
    assert desk.got("clip.exe").decode("utf-16") == TEXT


@pytest.mark.parametrize(
    "environ",
    [
        {},  # no display
        {"SSH_CONNECTION": "a b c d", "WAYLAND_DISPLAY": "wayland-0", "WSL_DISTRO_NAME": "Debian"},
    ],
)
def test_a_tool_that_would_reach_another_clipboard_is_not_used(desk: Desk, environ: dict[str, str]) -> None:
    for name in ("xclip", "wl-copy", "clip.exe", *(["pbcopy"] if environ else [])):
        desk.program(name)
    assert desk.copy(**environ) == SENT


def test_a_tool_that_fails_or_hangs_gives_way_to_the_next(desk: Desk) -> None:
    desk.program("wl-copy", "exit 1")
    desk.program("xclip", "sleep 60")
    desk.program("xsel")
    begin = time.monotonic()
    assert desk.copy(DISPLAY=":0", WAYLAND_DISPLAY="wayland-0") == "copied with xsel"
    assert 1.9 < time.monotonic() - begin < 4


def test_a_tool_that_leaves_a_child_behind_is_not_waited_for(desk: Desk) -> None:
    desk.program("xclip", "cat > /dev/null; sleep 20 & exit 0")
    begin = time.monotonic()
    assert desk.copy(DISPLAY=":0") == "copied with xclip"
    assert time.monotonic() - begin < 1


def test_the_terminal_gets_osc_52_and_the_report_claims_no_more(desk: Desk) -> None:
    assert desk.copy() == SENT
    found = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", "".join(desk.written))
    assert found is not None
    assert base64.b64decode(found[1]).decode() == TEXT


def test_in_screen_the_sequence_is_passed_through_in_parts_it_can_hold(desk: Desk) -> None:
    desk.copy("x" * 3000, STY="1.pts-0", TERM="screen-256color")
    parts = re.findall(r"\x1bP(.*?)\x1b\\", "".join(desk.written), re.DOTALL)
    assert max(map(len, parts)) <= 768
    assert "".join(parts) == f"\x1b]52;c;{base64.b64encode(b'x' * 3000).decode()}\x07"


def test_in_a_tmux_that_cannot_be_asked_the_sequence_is_passed_through(desk: Desk) -> None:
    desk.program("tmux", "exit 1")
    assert desk.copy(TMUX="/nowhere,1,0") == SENT
    assert "".join(desk.written).startswith("\x1bPtmux;\x1b\x1b]52;c;")
    assert "".join(desk.written).endswith("\x07\x1b\\")


def test_a_text_at_the_limit_is_sent_and_a_longer_one_is_saved(desk: Desk) -> None:
    most = OSC_52_LIMIT // 4 * 3
    assert desk.copy("x" * most) == SENT
    copied = desk.copy("x" * (most + 1))
    path = Path(copied.removeprefix("too long for the terminal: saved to "))
    assert path.read_text() == "x" * (most + 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(desk.written) == 1


def test_a_lone_surrogate_is_copied_as_a_question_mark(desk: Desk) -> None:
    desk.program("xclip")
    desk.copy("a\ud800b", DISPLAY=":0")
    assert desk.got("xclip") == b"a?b"


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a program in a tmux of its own."""
    if shutil.which("tmux") is None:
        raise AssertionError("tmux is not installed, and this test needs it")
    command = ["tmux", "-S", str(tmp_path / "socket"), "-f", os.devnull]
    environ = {**os.environ, "TERM": "xterm"}
    subprocess.run([*command, "new-session", "-d", "sleep", "100"], check=True, env=environ)
    try:
        yield {"TMUX": f"{tmp_path}/socket,1,0"}
    finally:
        subprocess.run([*command, "kill-server"], check=True, env=environ)


def test_tmux_holds_the_text_in_its_buffer(desk: Desk, tmux: dict[str, str]) -> None:
    text = TEXT + "x" * 200_000
    assert desk.copy(text, **tmux) == "in tmux's buffer (prefix ])"
    shown = subprocess.run(["tmux", "-S", str(desk.folder / "socket"), "show-buffer"], capture_output=True, check=True)
    assert shown.stdout.decode() == text
    assert desk.written == []
