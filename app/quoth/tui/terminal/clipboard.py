"""Copying: a native tool, tmux's buffer, the terminal itself (OSC 52) or a file, and a true report of which it was."""

from __future__ import annotations

import base64
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which

SECONDS = 2.0  # a tool that takes longer hangs: a clipboard is on this machine
OSC_52_LIMIT = 74_994
"""Bytes of base64 that terminals take: xterm.js and others cut or drop longer sequences (100,000 in all for some)."""


def copy(text: str, *, write: Callable[[str], None], environ: Mapping[str, str], folder: Path) -> str:
    """Copy a text, and say where it went; `write` sends to the terminal, `folder` is for the file. Raises OSError."""
    data = text.encode("utf-8", "replace")
    for command in _tools(environ):
        name = Path(command[0]).name
        is_windows = name.lower() == "clip.exe"  # which reads UTF-16
        if _takes(command, b"\xff\xfe" + text.encode("utf-16-le", "replace") if is_windows else data, environ):
            return f"copied with {name}"
    if environ.get("TMUX") and (tmux := which("tmux", path=environ.get("PATH", ""))):
        for options in (["-w"], []):  # -w, the terminal's clipboard too: tmux 3.2
            if _takes([tmux, "load-buffer", *options, "-"], data, environ):
                return "in tmux's buffer (prefix ])"
    payload = base64.b64encode(data).decode("ascii")
    if len(payload) <= OSC_52_LIMIT:
        write(_osc_52(payload, environ))
        return "sent to the terminal (OSC 52); it does not say whether it took it"
    return f"too long for the terminal: saved to {_saved(data, folder)}"


def _takes(command: Sequence[str], data: bytes, environ: Mapping[str, str]) -> bool:
    """Whether a program takes these bytes.

    Its output goes nowhere: xclip and wl-copy leave a child behind that holds the text, and would hold a pipe too.
    """
    try:
        done = subprocess.run(
            command,
            input=data,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            start_new_session=True,  # what holds the text outlives the terminal
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _tools(environ: Mapping[str, str]) -> Iterator[list[str]]:
    """The native tools that reach the clipboard of the user at the terminal, in order."""
    display, is_here = environ.get("DISPLAY"), not (environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
    candidates = (
        (is_here, ["pbcopy"]),
        (is_here and environ.get("WAYLAND_DISPLAY"), ["wl-copy"]),
        (display, ["xclip", "-selection", "clipboard"]),
        (display, ["xsel", "--clipboard", "--input"]),
        (is_here and (environ.get("WSL_DISTRO_NAME") or os.name == "nt"), ["clip.exe"]),
    )
    for reaches_user, (name, *options) in candidates:
        if reaches_user and (path := which(name, path=environ.get("PATH", ""))):
            yield [path, *options]


def _osc_52(payload: str, environ: Mapping[str, str]) -> str:
    """xterm's control sequence, wrapped for a multiplexer that would keep it (tmux and GNU screen: DCS)."""
    sequence = f"\x1b]52;c;{payload}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY") or environ.get("TERM", "").startswith("screen"):
        # screen's strings hold 768 bytes: one DCS for each part
        parts = [sequence[at : at + 512] for at in range(0, len(sequence), 512)]
        return "".join(f"\x1bP{part}\x1b\\" for part in parts)
    return sequence


def _saved(data: bytes, folder: Path) -> Path:
    """A new file that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="copied-", suffix=".txt", dir=folder)  # 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return Path(name)
