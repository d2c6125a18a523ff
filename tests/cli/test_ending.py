"""How a one-shot ends before its answer does: signals, a reader that leaves, a worker that dies."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from quoth.history import History
from tests.cli.grammars import ENDLESS, grammar_file, says
from tests.cli.terminal import run_on_terminal

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def endless(tmp_path: Path) -> list[str]:
    """Options of an answer that has no end."""
    return ["Go on.", "--grammar", grammar_file(tmp_path, ENDLESS), "-t", "2", "--top-k", "0", "--min-p", "0"]


@contextmanager
def running(arguments: list[str], environ: dict[str, str], text: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
    """A command that is ended in any case, and its worker with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        bufsize=0,
    )
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_bytes(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.read(1)


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return [
        child for child in psutil.Process(process.pid).children() if "quoth.engine.worker" in "".join(child.cmdline())
    ]


def ended(process: subprocess.Popen[bytes], number: int) -> tuple[bytes, bytes, int, float]:
    """Output, talk, exit code and seconds after a signal; its worker must go with it."""
    workers = workers_of(process)
    began = time.perf_counter()
    process.send_signal(number)
    process.wait(timeout=20)
    seconds = time.perf_counter() - began
    psutil.wait_procs(workers, timeout=5)  # on a busy machine it has the signal and not yet the time to go
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]
    out, err = process.communicate()
    return out, err, process.returncode, seconds


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.more
def test_a_signal_keeps_what_was_said_and_leaves_at_once(
    name: str, code: int, endless: list[str], environ: dict[str, str]
) -> None:
    with running(endless, environ) as process:
        first = first_bytes(process)
        out, err, returncode, seconds = ended(process, getattr(signal, name))
    assert (returncode, err) == (code, b"")
    assert (first + out).endswith(b"\n")
    assert (first + out).strip()
    assert seconds < 1


def test_an_interrupt_in_the_middle_of_reading_leaves_at_once(environ: dict[str, str]) -> None:
    with running(["Summarize.", "--jsonl"], environ, b"word " * 4000) as process:
        assert process.stdout is not None
        while b'"done": 0' in (line := process.stdout.readline()):
            pass
        assert json.loads(line)["event"] == "reading"
        out, err, code, seconds = ended(process, signal.SIGINT)
    assert (code, err) == (130, b"")
    assert json.loads(out.splitlines()[-1]) == {"event": "error", "code": 130, "message": "interrupted"}
    assert seconds < 1


def test_an_interrupt_while_the_model_loads_leaves_without_a_word(environ: dict[str, str]) -> None:
    with running(["hello"], environ) as process:
        while not workers_of(process):  # from here on the command has begun
            time.sleep(0.01)
        time.sleep(0.2)
        out, err, code, seconds = ended(process, signal.SIGINT)
    assert (out, err, code) == (b"", b"", 130)
    assert seconds < 1


def kept(home: Path) -> str:
    """What the history has of the answer that is being written, once a second."""
    if not (file := home / "data" / "history.db").exists():
        return ""
    history = History(file)
    row = history.last()
    turns = history.path(row.id) if row else []
    history.close()
    return turns[-1].text if turns and turns[-1].role == "assistant" else ""


def test_an_interrupted_json_answer_is_an_object_that_says_so(
    endless: list[str], environ: dict[str, str], home: Path
) -> None:
    with running([*endless, "--json"], environ) as process:
        while not kept(home):
            time.sleep(0.1)
        out, err, code, _ = ended(process, signal.SIGINT)
    answer = json.loads(out)
    assert (code, err, answer["reason"]) == (130, b"", "cancelled")
    assert answer["text"]


def test_a_dead_worker_leaves_what_was_said_and_exits_4(endless: list[str], environ: dict[str, str]) -> None:
    with running(endless, environ) as process:
        first = first_bytes(process)
        (worker,) = workers_of(process)
        worker.kill()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 4
    assert (first + out).endswith(b"\n")
    assert (first + out).strip()
    assert err.startswith(b"quoth: error: the engine was killed (")
    assert err.count(b"\n") == 1


def test_a_dead_worker_ends_json_lines_with_an_error(endless: list[str], environ: dict[str, str]) -> None:
    with running([*endless, "--jsonl"], environ) as process:
        assert process.stdout is not None
        while b'"piece"' not in process.stdout.readline():
            pass
        (worker,) = workers_of(process)
        worker.kill()
        out, _ = process.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert (process.returncode, last["event"], last["code"]) == (4, "error", 4)


Shell = Callable[[str], "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def shell(environ: dict[str, str], tmp_path: Path) -> Shell:
    """Run a line of bash in which `quoth` is the command."""

    def run(line: str) -> subprocess.CompletedProcess[bytes]:
        prelude = f'set -o pipefail; quoth() {{ {sys.executable} -m quoth "$@"; }}\n'
        return subprocess.run(
            ["bash", "-c", prelude + line], env=environ, cwd=tmp_path, capture_output=True, timeout=60
        )

    return run


def test_a_reader_that_leaves_ends_the_answer_quietly(shell: Shell, endless: list[str]) -> None:
    result = shell(f"quoth Go -t 2 --grammar {endless[2]} < /dev/null | head -c 3")
    assert (len(result.stdout), result.stderr, result.returncode) == (3, b"", 141)


def test_a_file_gets_the_answer_and_no_escape_byte(shell: Shell, tmp_path: Path) -> None:
    result = shell(
        "echo 'Rome is old.' | quoth 'What is old?' -n 4 -t 0 > answer; quoth hello -n 2 >> answer < /dev/null"
    )
    assert (result.stdout, result.stderr, result.returncode) == (b"", b"", 0)
    written = (tmp_path / "answer").read_bytes()
    assert b"\x1b" not in written
    assert written.count(b"\n") >= 2
    assert written.endswith(b"\n")


@pytest.mark.more
def test_a_slow_producer_is_waited_for(shell: Shell) -> None:
    line = "quoth Repeat. --json -n 1 | grep -o '\"prompt_tokens\": [0-9]*'"
    at_once = shell(f"printf 'one\\ntwo\\nthree\\n' | {line}")
    slowly = shell(f"(printf 'one\\n'; sleep 1; printf 'two\\n'; sleep 1; printf 'three\\n') | {line}")
    assert slowly.returncode == 0
    assert slowly.stdout == at_once.stdout != b""


@pytest.mark.more
def test_closed_streams_and_full_disks(shell: Shell) -> None:
    closed = shell("quoth hello -n 2 <&-")
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert closed.stdout.strip()
    closed = shell("quoth hello -n 2 >&- < /dev/null")
    assert closed.returncode == 7
    assert closed.stderr.startswith(b"quoth: error: standard output is closed. ")
    closed = shell("quoth hello -n 2 2>&- < /dev/null")
    assert (closed.returncode, closed.stderr) == (0, b"")
    assert closed.stdout.strip()
    assert shell("quoth hello -n 2 <&- >&- 2>&-").returncode == 7


if Path("/dev/full").exists():  # Linux and FreeBSD

    def test_a_full_disk_is_a_storage_error(shell: Shell) -> None:
        full = shell("quoth hello -n 2 > /dev/full < /dev/null")
        assert full.returncode == 7
        assert full.stderr.startswith(b"quoth: error: standard output cannot be written (No space left on device). ")
        assert full.stderr.count(b"\n") == 1

    @pytest.mark.parametrize("arguments", ["--help", "models --help", "models show -h", "--version"])
    def test_a_help_that_finds_the_disk_full_is_a_storage_error(shell: Shell, arguments: str) -> None:
        full = shell(f"quoth {arguments} > /dev/full")
        assert (full.returncode, full.stderr.count(b"\n")) == (7, 1)
        assert full.stderr.startswith(b"quoth: error: standard output cannot be written (No space left on device). ")


def test_two_at_once_both_answer(environ: dict[str, str]) -> None:
    with running(["Say hello.", "-n", "4"], environ) as one, running(["Say hello.", "-n", "4"], environ) as other:
        outputs = [process.communicate(timeout=60) for process in (one, other)]
        assert [process.returncode for process in (one, other)] == [0, 0]
    assert all(out.strip() and not err for out, err in outputs)


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm-256color"},
        *(pytest.param(e, marks=pytest.mark.long) for e in ({"TERM": "dumb"}, {"NO_COLOR": "1"})),
    ],
    ids=str,
)
@pytest.mark.more
def test_a_terminal_gets_text_and_no_escape_codes(env: dict[str, str], environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "text").write_text("word " * 150)
    grammar = grammar_file(tmp_path, says("A \x1b[1mword"))
    command = [sys.executable, "-m", "quoth", "Say it.", "-f", str(tmp_path / "text"), "--grammar", grammar]
    written, code = run_on_terminal(command, env={**environ, **env}, cwd=tmp_path, stdin=None)
    assert code == 0
    assert b"\x1b" not in written
    assert (b"\rreading " in written) == (env.get("TERM") != "dumb")
    assert b"A word\r\n" in written
