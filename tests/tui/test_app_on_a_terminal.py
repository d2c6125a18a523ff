"""The whole program on a real terminal with the real model: first use, stop, death, signals, hostile text."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from quoth.history import History, Turn
from tests.conftest import Run
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]
QUOTH = [sys.executable, "-m", "quoth"]
STORY = "Write a long story about a lighthouse."


def last_turns(home: Path) -> list[Turn]:
    history = History(home / "data" / "history.db")
    try:
        row = history.last()
        return history.path(row.id) if row else []
    finally:
        history.close()


def worker_of(terminal: Terminal) -> psutil.Process:
    return next(
        child
        for child in psutil.Process(terminal.process.pid).children(recursive=True)
        if any("quoth.engine.worker.program" in word for word in child.cmdline())
    )


def start_answer(terminal: Terminal, question: str = STORY) -> None:
    """Ask, and wait until some of the answer is there."""
    terminal.wait_for("CPU")
    terminal.type(question)
    terminal.press("enter")
    terminal.wait_for("· writing ·")
    time.sleep(0.7)


def open_first(terminal: Terminal) -> None:
    """Open the conversation at the top of the list."""
    for key in ("ctrl+f", "down", "enter"):
        terminal.press(key)
        terminal.wait_quiet(0.3)


def leave(terminal: Terminal) -> int:
    terminal.press("ctrl+q")
    return terminal.end()


def test_from_an_empty_home_a_model_is_chosen_and_the_first_answer_is_found_again(
    home: Path, environ: dict[str, str], model_path: Path, quoth: Run
) -> None:
    cache = home / "llama-cache"
    cache.mkdir()
    shutil.copyfile(model_path, cache / "SmolLM2-135M-Instruct-Q8_0.gguf")
    environ = {**environ, "LLAMA_CACHE": str(cache), "QUOTH_MAX_TOKENS": "40"}
    with Terminal(QUOTH, environ) as terminal:
        terminal.wait_for("Which one?")
        terminal.wait_for("SmolLM2-135M")
        terminal.press("enter")
        terminal.wait_for("CPU")
        terminal.wait_for("⏎ Send")  # the prompt has the focus
        terminal.type("The capital of Italy is?")
        terminal.press("enter")
        terminal.wait_until(lambda: bool(last_turns(home)[1:]) and last_turns(home)[-1].reason != "", "the answer")
        assert leave(terminal) == 0
        assert terminal.left_behind == []
    answer = last_turns(home)[-1].text
    assert answer.strip()
    found = quoth("history", "search", "Italy", "--json", env={"LLAMA_CACHE": str(cache)})
    assert json.loads(found.stdout)["hits"]
    more = quoth("-c", "and of France?", "-n", "20", env={"LLAMA_CACHE": str(cache)})
    assert more.returncode == 0
    assert [turn.role for turn in last_turns(home)] == ["user", "assistant", "user", "assistant"]


@pytest.mark.usefixtures("installed")
def test_escape_stops_the_real_model_and_everything_is_there_after_a_restart(
    home: Path, environ: dict[str, str]
) -> None:
    with Terminal(QUOTH, environ) as terminal:
        start_answer(terminal)
        terminal.press("escape")
        assert terminal.wait_for("stopped · g goes on") < 3.0
        said = last_turns(home)[-1]
        assert said.reason == "cancelled"
        assert said.text
        terminal.type("/retry")
        terminal.press("enter")
        terminal.wait_for("‹ 2/2 ›")
        terminal.wait_for("· writing ·")
        time.sleep(0.5)
        terminal.press("escape")
        terminal.wait_for("stopped · g goes on")
        assert leave(terminal) == 0
    assert last_turns(home)[-1].id != said.id
    with Terminal(QUOTH, environ, columns=160, lines=50) as terminal:
        terminal.wait_for("Write a long story about a")  # in the list of conversations
        open_first(terminal)
        terminal.wait_for("stopped · g goes on")
        terminal.wait_for("‹ 2/2 ›")
        assert leave(terminal) == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.more
def test_a_killed_engine_is_told_what_was_said_is_kept_and_the_next_turn_works(
    home: Path, environ: dict[str, str]
) -> None:
    with Terminal(QUOTH, environ, columns=120) as terminal:
        start_answer(terminal)
        worker_of(terminal).kill()
        terminal.wait_for("the engine")
        terminal.wait_for("broken off")
        kept = last_turns(home)[-1]
        assert kept.reason == "died"
        assert kept.text
        terminal.type("/retry")
        terminal.press("enter")
        terminal.wait_for("· writing ·")
        terminal.press("escape")
        terminal.wait_for("stopped · g goes on")
        assert leave(terminal) == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, *(pytest.param(n, marks=pytest.mark.long) for n in (signal.SIGHUP, signal.SIGINT))]
)
@pytest.mark.more
def test_a_signal_in_the_middle_of_an_answer_restores_the_terminal_and_keeps_the_turn(
    home: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    with Terminal(QUOTH, environ) as terminal:
        start_answer(terminal)
        terminal.signal(number)
        assert terminal.end(10) == 128 + number
        assert terminal.left_behind == []
    assert last_turns(home)[-1].text
    assert last_turns(home)[-1].reason == "cancelled"


@pytest.mark.usefixtures("installed")
@pytest.mark.more
def test_kill_9_of_the_app_loses_at_most_the_last_second(home: Path, environ: dict[str, str]) -> None:
    with Terminal(QUOTH, environ) as terminal:
        start_answer(terminal)
        time.sleep(2.0)
        terminal.signal(signal.SIGKILL)
        terminal.process.wait(10)
    question, answer = last_turns(home)
    assert question.text == STORY
    assert answer.reason == "interrupted"
    assert len(answer.text) > 40
    with Terminal(QUOTH, environ, columns=160, lines=50) as terminal:
        terminal.wait_for("Write a long story about a")
        open_first(terminal)
        terminal.wait_for("interrupted")
        assert leave(terminal) == 0


ATTACKS = (
    "\x1b]52;c;c3RvbGVu\x07",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP$q\x1b\\",
    "\x1b[6n",
    "\x1b[?1049l",
    "\x1b[?25h\x1b[2J",
    "\x9d0;owned\x9c",
    "\x9b31m",
    "\x1b]0;unclosed",
    "\u202etxt.exe\u202c",
    "\U000e0041\U000e0042",
    "[@click=app.quit]x[/]",
)


def scripted(home: Path, answers: list[str], environ: dict[str, str], **size: int) -> Terminal:
    file = home / "answers.json"
    file.write_text(json.dumps(answers), encoding="utf-8")
    command = [sys.executable, "-m", "tests.tui.scripted_app", str(home), str(file)]
    return Terminal(command, {**environ, "PIECE_SECONDS": "0.001"}, ROOT, **size)


@pytest.mark.more
def test_nothing_that_a_model_says_reaches_the_terminal(home: Path, environ: dict[str, str]) -> None:
    hostile = "\n\n".join(f"before {attack} after" for attack in ATTACKS)
    with scripted(home, [hostile], environ) as terminal:
        terminal.wait_for("a script")
        modes, title = terminal.modes, terminal.title
        for sent in ("ask", *ATTACKS[:3]):
            terminal.paste(sent)
            terminal.press("enter")
            terminal.wait_quiet(0.5)
        terminal.wait_for("after")
        assert terminal.title == title
        assert terminal.clipboard == []
        assert terminal.modes == modes
        assert "owned" not in terminal.title
        assert not re.search(rb"\x1b\](?:0|2|8|52);", terminal.raw)
        assert leave(terminal) == 0
        assert terminal.left_behind == []


def test_a_megabyte_is_pasted_as_an_attachment_at_once(home: Path, environ: dict[str, str]) -> None:
    with scripted(home, ["Read."], environ) as terminal:
        terminal.wait_for("a script")
        terminal.paste("a line of a long log\n" * 50_000)
        assert terminal.wait_for("pasted text 1 (1,050,000 characters)") < 5.0
        terminal.type("z")
        terminal.wait_for("z")
        assert leave(terminal) == 0


def test_bytes_that_are_no_utf8_are_replaced_and_the_app_lives(home: Path, environ: dict[str, str]) -> None:
    with scripted(home, ["Fine."], environ) as terminal:
        terminal.wait_for("a script")
        terminal.feed(b"a\xffb\xf7\xbf\xbf\xbfc")
        terminal.wait_for("a\ufffdb")
        terminal.press("enter")
        terminal.wait_for("Fine.")
        assert leave(terminal) == 0


@pytest.mark.long
def test_a_storm_of_sizes_is_survived(home: Path, environ: dict[str, str]) -> None:
    storm = random.Random(3)
    with scripted(home, ["word " * 2000], environ) as terminal:
        terminal.wait_for("a script")
        terminal.type("go")
        terminal.press("enter")
        for _ in range(60):
            terminal.resize(storm.choice([1, 2, 20, 80, 200]), storm.choice([1, 2, 10, 24, 60]))
            time.sleep(0.02)
        terminal.resize(80, 24)
        terminal.wait_for("demo-1b")
        assert leave(terminal) == 0


TORTURE = {
    "addresses": "http://a" * 4000,
    "brackets": "[" * 50_000,
    "table": "|" + "a|" * 1000 + "\n|" + "-|" * 1000 + ("\n|" + "b|" * 1000) * 5,
    "quotes": ">" * 5000 + " x",
    "stars": "*a " * 10_000,
    "one long line": "x" * 100_000,
}
MORE_TORTURE = ("addresses", "brackets", "table", "stars", "one long line")


def echoed(terminal: Terminal, before: int) -> bool:
    return terminal.raw.count(b"Z") > before


@pytest.mark.parametrize("name", ["quotes", *(pytest.param(name, marks=pytest.mark.long) for name in MORE_TORTURE)])
@pytest.mark.more
def test_markdown_torture_leaves_the_keys_alive(home: Path, environ: dict[str, str], name: str) -> None:
    with scripted(home, [TORTURE[name]], {**environ, "PIECE_SECONDS": "0"}) as terminal:
        terminal.wait_for("a script")
        terminal.type("go")
        terminal.press("enter")
        begin = time.monotonic()
        while time.monotonic() - begin < 2:
            before = terminal.raw.count(b"Z")
            terminal.feed(b"Z")
            assert terminal.wait_until(partial(echoed, terminal, before), "the echo", 20) < 5
            time.sleep(0.05)
        assert leave(terminal) == 0


@pytest.mark.parametrize(
    ("environment", "colours"),
    [({"NO_COLOR": "1"}, False), ({"TERM": "xterm", "COLORTERM": ""}, True), ({"TERM": "xterm-256color"}, True)],
)
@pytest.mark.more
def test_every_kind_of_terminal_shows_an_answer(
    home: Path, environ: dict[str, str], environment: dict[str, str], colours: bool
) -> None:
    with scripted(home, ["Here is **an answer**."], {**environ, **environment}) as terminal:
        terminal.wait_for("a script")
        terminal.type("go")
        terminal.press("enter")
        terminal.wait_for("Here is an answer.")
        painted = re.findall(rb"\x1b\[[0-9;]*38;2;(\d+);(\d+);(\d+)", terminal.raw)
        if not colours:
            assert all(red == green == blue for red, green, blue in painted)  # shades of grey
        assert leave(terminal) == 0


def test_in_tmux_the_app_works_and_leaves_the_pane_as_it_was(home: Path, environ: dict[str, str]) -> None:
    tmux = ["tmux", "-L", f"quoth-{os.getpid()}"]
    answers = home / "answers.json"
    answers.write_text(json.dumps(["An **answer** in tmux."]), encoding="utf-8")
    command = f"{sys.executable} -m tests.tui.scripted_app {home} {answers}"

    def run(*arguments: str) -> str:
        return subprocess.run([*tmux, *arguments], env=environ, capture_output=True, text=True, check=True).stdout

    def wait(text: str) -> str:
        for _ in range(300):
            shown = run("capture-pane", "-p", "-t", "t")
            if text in shown:
                return shown
            time.sleep(0.1)
        raise AssertionError(f"no {text!r} in:\n{shown}")

    run("new-session", "-d", "-s", "t", "-x", "80", "-y", "24", "-c", str(ROOT), "sh")
    try:
        run("send-keys", "-t", "t", "-l", f"echo before; {command}; echo after=$?")
        run("send-keys", "-t", "t", "Enter")
        wait("a script")
        run("send-keys", "-t", "t", "-l", "What is this?")
        run("send-keys", "-t", "t", "Enter")
        assert "An answer in tmux." in wait("An answer in tmux.")
        run("send-keys", "-t", "t", "C-q")
        shown = wait("after=0")
        assert "An answer" not in shown
        assert "before" in shown
    finally:
        run("kill-server")
