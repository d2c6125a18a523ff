"""`quoth history`, and one-shots that are kept and gone on with, by the command itself and the real model."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quoth.history import History
from quoth.history.schema import VERSION
from quoth.version import __version__
from tests.cli.commands import run_here
from tests.cli.grammars import ENDLESS, grammar_file, says
from tests.conftest import Run

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals, terminals and modes of POSIX")


@pytest.fixture
def file(home: Path) -> Path:
    return home / "data" / "history.db"


@pytest.fixture
def two(file: Path) -> None:
    """A home with two conversations."""
    history = History(file)
    home, question = history.begin("Why is the sky blue?", system="be brief")
    history.add(home, question, "assistant", "Rayleigh \x1b]0;pwned\x07scattering.", model="m\x1b[2J")
    history.begin("天空\x1b[31m为什么\u202e\nmore")
    history.close()


@pytest.fixture
def endless(tmp_path: Path) -> list[str]:
    """Options of an answer that has no end."""
    return ["Go on.", "--grammar", grammar_file(tmp_path, ENDLESS), "-t", "2", "--top-k", "0", "--min-p", "0"]


def shown(quoth: Run, name: str = "last") -> dict[str, Any]:
    result = quoth("history", "show", name, "--json")
    assert result.returncode == 0, result.stderr
    conversation = json.loads(result.stdout)["conversation"]
    assert isinstance(conversation, dict)
    return conversation


@pytest.mark.usefixtures("installed")
def test_a_one_shot_is_kept_found_and_gone_on_with(quoth: Run, file: Path, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("The capital is Zanzibar."))
    first = quoth("Which capital?", "--grammar", grammar, "-s", "be brief", input=b"a document")
    assert (first.returncode, first.stderr) == (0, b"")
    assert file.stat().st_mode & 0o077 == 0
    (hit,) = json.loads(quoth("history", "search", "zanzibar", "--json").stdout)["hits"]
    assert (hit["role"], hit["snippet"]) == ("assistant", "The capital is Zanzibar.")
    assert [hit["snippet"][start:end] for start, end in hit["marks"]] == ["Zanzibar"]
    (short,) = (json.loads(quoth("hi", "--json", "-n", "1", "--private").stdout)["usage"]["prompt_tokens"],)
    second = quoth("-c", "And then?", "--json", "-n", "2")
    assert json.loads(second.stdout)["usage"]["prompt_tokens"] > short + 20  # the conversation is in it
    conversation = shown(quoth)
    assert (conversation["turns"][0]["documents"], conversation["system"]) == (
        [{"name": "stdin", "text": "a document"}],
        "be brief",
    )
    assert [turn["role"] for turn in conversation["turns"]] == ["user", "assistant", "user", "assistant"]
    assert [turn["text"] for turn in conversation["turns"]][:3] == [
        "Which capital?",
        "The capital is Zanzibar.",
        "And then?",
    ]
    last = conversation["turns"][-1]
    assert (last["reason"], last["model"], last["generated_tokens"]) == ("length", "smollm2-135m", 2)
    assert last["settings"]["temperature"] > 0
    assert len(json.loads(quoth("history", "--json").stdout)["conversations"]) == 1
    third = quoth("--conversation", str(conversation["id"]), "Why?", "-n", "1")
    assert third.returncode == 0
    assert len(shown(quoth)["turns"]) == 6


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("how", [["--private"], ["--no-history"], ["QUOTH_HISTORY=0"]], ids=str)
@pytest.mark.more
def test_nothing_is_kept_where_nothing_may_be_kept(quoth: Run, file: Path, how: list[str]) -> None:
    flags = [each for each in how if each.startswith("--")]
    env = {"QUOTH_HISTORY": "0"} if not flags else {}
    assert quoth("hello", "-n", "2", *flags, env=env).returncode == 0
    assert not [*file.parent.glob("history*")]
    result = quoth("-c", "hello", *flags, env=env)
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"there is no conversation to continue (" in result.stderr


def test_going_on_with_nothing_is_an_error_with_a_next_step(quoth: Run) -> None:
    result = quoth("-c", "and then?")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"there is no conversation to continue (the history is empty). Begin one: quoth" in result.stderr
    result = quoth("--conversation", "3", "and then?")
    assert (result.returncode, result.stdout) == (2, b"")
    assert b"there is no conversation 3" in result.stderr


@posix
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL", pytest.param("SIGTERM", marks=pytest.mark.long)])
@pytest.mark.more
def test_what_was_said_is_kept_whatever_ends_the_answer(
    quoth: Run, endless: list[str], environ: dict[str, str], name: str
) -> None:
    with running(endless, environ) as process:
        assert process.stdout is not None
        said = process.stdout.read(1)
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            said += os.read(process.stdout.fileno(), 65536)
        process.send_signal(getattr(signal, name))
        said += process.stdout.read()
        process.wait()
    question, answer = shown(quoth)["turns"]
    assert question["text"] == "Go on."
    assert answer["reason"] == ("interrupted" if name == "SIGKILL" else "cancelled")
    assert answer["text"]
    if name == "SIGKILL":
        assert said.decode().startswith(answer["text"].strip())
    else:
        assert said.decode().strip() == answer["text"].strip()


@posix
@pytest.mark.usefixtures("installed")
@pytest.mark.more
def test_what_was_said_is_kept_when_the_reader_leaves_and_when_the_engine_dies(
    quoth: Run, endless: list[str], environ: dict[str, str]
) -> None:
    import psutil

    with running(endless, environ) as process:
        assert process.stdout is not None
        said = process.stdout.read(5)  # or fewer: what the first write held
        process.stdout.close()
        process.stdout = None
        assert process.wait(timeout=20) == 141
    assert shown(quoth)["turns"][1]["reason"] == "cancelled"
    assert shown(quoth)["turns"][1]["text"].encode().startswith(said)
    with running(endless, environ) as process:
        assert process.stdout is not None
        said = process.stdout.read(5)
        (worker,) = [c for c in psutil.Process(process.pid).children() if "quoth.engine.worker" in "".join(c.cmdline())]
        worker.kill()
        process.communicate(timeout=20)
    answer = shown(quoth)["turns"][1]
    assert answer["reason"] == "died"
    assert answer["notice"].startswith("the engine was killed")
    assert said
    assert answer["text"].encode().startswith(said)


@contextmanager
def running(arguments: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        bufsize=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("installed")
def test_a_history_that_cannot_be_written_is_told_once_after_the_answer(quoth: Run, file: Path) -> None:
    file.mkdir()
    result = quoth("hello", "-n", "2")
    assert result.returncode == 0
    assert result.stdout.strip()
    sentence = f"quoth: this conversation is not kept: {file} is a folder; the history is not kept\n"
    assert result.stderr.decode() == sentence
    assert quoth("hello", "-n", "2", "--quiet").stderr == b""


@pytest.mark.usefixtures("installed")
@pytest.mark.more
def test_a_lock_delays_no_answer_and_is_told(quoth: Run, file: Path, two: None, environ: dict[str, str]) -> None:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with running(["hello", "-n", "2"], environ) as process:
        assert process.stdout is not None
        began = time.monotonic()
        said = process.stdout.read(1)
        waited = time.monotonic() - began
        rest, errors = process.communicate()
    other.close()
    assert process.returncode == 0
    assert (said + rest).strip()
    assert waited < 5  # the wait for the lock comes after the answer
    assert b"not kept: the history is locked by another program" in errors
    assert errors.count(b"\n") == 1
    assert len(json.loads(quoth("history", "--json").stdout)["conversations"]) == 2


@pytest.mark.usefixtures("installed")
def test_a_question_that_does_not_fit_leaves_the_conversation_as_it_was(quoth: Run, two: None) -> None:
    before = quoth("history", "export", "2", "--format", "json").stdout
    result = quoth("-c", "word " * 20_000, "--ctx", "512", "-m", "smollm2-135m")
    assert result.returncode == 5
    assert (
        json.loads(quoth("history", "export", "2", "--format", "json").stdout)["conversations"][0]["turns"]
        == (json.loads(before)["conversations"][0]["turns"])
    )


def test_the_list_is_empty_or_the_newest_first(environ: dict[str, str], file: Path) -> None:
    outcome = run_here("history", environ=environ)
    assert (outcome.out, outcome.code) == ("", 0)
    assert outcome.err == 'quoth: no conversation yet: begin one with quoth "Why is the sky blue?"\n'
    assert json.loads(run_here("history", "--json", environ=environ).out) == {
        "version": __version__,
        "conversations": [],
    }
    history = History(file)
    for title in ("first", "second"):
        history.begin(title)
    history.close()
    lines = run_here("history", environ=environ).out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "2", "1"]
    assert lines[1].endswith("  1      second")
    assert len(json.loads(run_here("history", "-n", "1", "--json", environ=environ).out)["conversations"]) == 1


@pytest.mark.usefixtures("two")
def test_nothing_kept_can_control_the_terminal(environ: dict[str, str]) -> None:
    for line in (
        "", "--json", "search scattering", "search 天空 --json", "show 1", "show 2 --json", "export --all",
        "export --all --format html", "export --all --format json",
    ):  # fmt: skip
        outcome = run_here("history", *line.split(), environ=environ)
        assert outcome.code == 0
        assert not {"\x1b", "\x07", "\u202e"} & {*outcome.out}
        assert outcome.err == ""


@pytest.mark.usefixtures("two")
def test_a_conversation_is_shown_by_number_or_as_the_last(environ: dict[str, str]) -> None:
    out = run_here("history", "show", "1", environ=environ).out
    assert out.startswith("# Why is the sky blue?\n")
    assert "**System**\n\nbe brief\n" in out
    assert "## m\n\nRayleigh scattering.\n" in out
    assert run_here("history", "show", "last", environ=environ).out.startswith("# 天空为什么\n")


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "7"], 'there is no conversation 7. The nearest is 2; "quoth history" lists all'),
        (["show", "9" * 40], "there is no conversation 9999"),
        (["show", "sky"], "'sky' is not a conversation (pass a number or last)"),
        (["show", "-1"], "quoth history show has no option -1"),
        (["rm", "1", "9", "--yes"], "there is no conversation 9"),
        (["rm"], "remove what?"),
        (["rm", "1", "--all"], "remove what?"),
        (["rm", "1"], "removing needs your consent (standard input is not a terminal). Pass --yes"),
        (["export"], "export what?"),
        (["export", "1", "--format", "pdf"], "'pdf' is not one of"),
        (["search"], "missing argument"),
        (["wipe"], "no such command 'wipe'"),
    ],
)
def test_what_cannot_be_meant_exits_2(environ: dict[str, str], arguments: list[str], sentence: str) -> None:
    outcome = run_here("history", *arguments, environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert len(json.loads(run_here("history", "--json", environ=environ).out)["conversations"]) == 2


@pytest.mark.usefixtures("two")
def test_an_export_is_imported_again(environ: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "all.json"
    assert run_here("history", "export", "--all", "-o", str(target), environ=environ).code == 0
    assert target.stat().st_mode & 0o077 == 0 or os.name == "nt"
    printed = run_here("history", "export", "--all", "--format", "json", environ=environ).out
    assert printed == target.read_text(encoding="utf-8")
    elsewhere = {**environ, "QUOTH_HOME": str(tmp_path / "elsewhere")}
    outcome = run_here("history", "import", str(target), environ=elsewhere)
    assert (outcome.code, outcome.err) == (0, "quoth: imported 2 conversations\n")
    assert run_here("history", "export", "--all", "--format", "json", environ=elsewhere).out == printed
    piped = run_here("history", "import", "-", environ=elsewhere, stdin=printed.encode())
    assert piped.err == "quoth: imported 2 conversations\n"
    assert len(json.loads(run_here("history", "--json", environ=elsewhere).out)["conversations"]) == 4


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "standard input is not JSON"),
        (b"\xff\xfe", "standard input is not UTF-8 (at byte 0)"),
        (b'{"format": "quoth-history", "version": 1, "conversations": [{"turns": 3}]}', "conversations[0].turns is 3"),
    ],
)
def test_a_bad_import_exits_5_and_adds_nothing(environ: dict[str, str], data: bytes, sentence: str) -> None:
    outcome = run_here("history", "import", "-", environ=environ, stdin=data)
    assert (outcome.code, outcome.out) == (5, "")
    assert sentence in outcome.err
    assert json.loads(run_here("history", "--json", environ=environ).out)["conversations"] == []


@pytest.mark.usefixtures("two")
def test_conversations_are_removed(environ: dict[str, str], file: Path) -> None:
    outcome = run_here("history", "rm", "1", "1", "--yes", environ=environ)
    assert (outcome.code, outcome.err) == (0, "quoth: removed 1 conversation\n")
    assert b"Rayleigh" not in file.read_bytes()
    assert run_here("history", "rm", "--all", "--yes", environ=environ).err == "quoth: removed 1 conversation\n"
    assert json.loads(run_here("history", "--json", environ=environ).out)["conversations"] == []


@posix
@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("reply", "left"), [("y", 1), ("n", 2), ("", 2)])
def test_a_removal_is_asked_for_on_a_terminal(environ: dict[str, str], file: Path, reply: str, left: int) -> None:
    from tests.cli.dialogue import Dialogue

    command = [sys.executable, "-m", "quoth", "history", "rm", "1"]
    with Dialogue(command, {**environ, "TERM": "xterm-256color"}) as dialogue:
        dialogue.expect("Remove 1 (Why is the sky blue?)? [y/N]")
        dialogue.send(f"{reply}\n")
        said, code = dialogue.end()
    assert code == 0
    assert ("removed 1 conversation" if left == 1 else "nothing was removed") in said
    history = History(file)
    assert len(history.conversations()) == left
    history.close()


@pytest.mark.usefixtures("two")
def test_a_history_that_cannot_be_used_exits_7(environ: dict[str, str], file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    assert run_here("history", environ=environ).code == 0
    outcome = run_here("history", "rm", "1", "--yes", environ=environ)
    assert (outcome.code, outcome.out) == (7, "")
    assert "newer version of Quoth" in outcome.err
    file.unlink()
    file.mkdir()
    for arguments in ([], ["--json"], ["search", "x"], ["show", "last"], ["export", "--all"], ["rm", "--all", "--yes"]):
        outcome = run_here("history", *arguments, environ=environ)
        assert (outcome.code, outcome.out) == (7, "")
        assert outcome.err.startswith(f"quoth: error: the history cannot be read ({file} is a folder")


@posix
@pytest.mark.usefixtures("installed")
def test_no_file_of_a_one_shot_is_open_to_others(quoth: Run, home: Path) -> None:
    before = os.umask(0)
    try:
        assert quoth("hello", "-n", "2").returncode == 0
    finally:
        os.umask(before)
    assert (home / "data").stat().st_mode & 0o077 == 0
    assert (home / "data" / "history.db").stat().st_mode & 0o077 == 0
