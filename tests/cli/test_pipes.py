"""Pipes, full disks and closed streams, with real processes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.answering import hostile_bytes
from tests.cli.programs import ANSWERING, ENVIRONMENT, ROOT


def run(*options: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> tuple[bytes, str, int]:
    """Standard output, standard error and the exit code."""
    result = subprocess.run(
        [*ANSWERING, *options], input=stdin, capture_output=True, env=ENVIRONMENT | (env or {}), cwd=ROOT, timeout=60
    )
    return result.stdout, result.stderr.decode(), result.returncode


def shell(line: str, stdin: bytes = b"") -> tuple[bytes, str, int]:
    """Run a line of sh in which `answering` is the program; the code is that of the line."""
    program = " ".join(f"'{word}'" for word in ANSWERING)
    result = subprocess.run(
        ["sh", "-c", line.replace("answering", program)],
        input=stdin,
        capture_output=True,
        env=ENVIRONMENT,
        cwd=ROOT,
        timeout=60,
    )
    return result.stdout, result.stderr.decode(), result.returncode


def test_a_piped_answer_is_its_bytes_and_one_newline_and_nothing_else() -> None:
    assert run(stdin="Naïve 漢字.\n\n".encode()) == ("Naïve 漢字.\n".encode(), "", 0)
    assert run(stdin=b"\x1b]0;t\x07\x1b[1mbold\x1b[0m") == (
        b"bold\n",
        "quoth: 3 control codes were removed from the answer (--raw keeps them)\n",
        0,
    )
    assert run("--raw", stdin=b"\x1b[1mbold\x1b[0m") == (b"\x1b[1mbold\x1b[0m\n", "", 0)
    assert run("--quiet", stdin=b"\x1b[1mbold\x1b[0m\xff") == (b"bold\xef\xbf\xbd\n", "", 0)


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "POSIX"},
        {"PYTHONIOENCODING": "latin-1:strict"},
        {"PYTHONUNBUFFERED": "1"},
        {"TERM": ""},
    ],
    ids=lambda env: next(iter(env)),
)
def test_output_is_utf8_whatever_the_locale_says(env: dict[str, str]) -> None:
    assert run(stdin="naïve 漢字 👍".encode(), env=env) == ("naïve 漢字 👍\n".encode(), "", 0)


def test_bytes_that_are_not_utf8_are_replaced_and_counted() -> None:
    out, err, code = run(stdin=b"a\xf7\xbf\xbf\xbfb")
    assert (out.decode(), err, code) == (
        "a" + "\ufffd" * 4 + "b\n",
        "quoth: 4 bytes that are not UTF-8 were replaced\n",
        0,
    )


def test_utf16_with_a_mark_is_read_and_binary_data_is_refused() -> None:
    assert run(stdin="é漢\r\n".encode("utf-16")) == ("é漢\n".encode(), "quoth: read as UTF-16-LE\n", 0)
    out, err, code = run(stdin=b"\x89PNG\r\n\x1a\n\x00\x00")
    assert (out, code) == (b"", 5)
    assert err == "quoth: error: the input looks binary (a PNG image). Extract its text first\n"


def test_a_reader_that_leaves_ends_the_program_without_a_word() -> None:
    line = "{ answering --pieces=7; echo code $? >&2; } | head -c 3"
    assert shell(line, b"0123456789" * 100_000) == (b"012", "code 141\n", 0)
    line = "{ answering; echo code $? >&2; } | true"
    assert shell(line, b"0123456789" * 100_000) == (b"", "code 141\n", 0)


def test_closed_standard_input_counts_as_none() -> None:
    assert shell("answering <&-") == (b"nothing was piped\n", "quoth: no standard input\n", 0)
    assert shell("answering < /dev/null") == (b"", "", 0)


def test_closed_standard_output_is_a_storage_error() -> None:
    out, err, code = shell("answering >&-", b"text")
    assert (out, code) == (b"", 7)
    assert err.startswith("quoth: error: standard output is closed. ")
    assert err.count("\n") == 1


def test_closed_standard_error_is_survived() -> None:
    assert shell("answering 2>&-", b"\xfftext") == ("\ufffdtext\n".encode(), "", 0)
    assert shell("answering 2>&- >&-", b"text") == (b"", "", 7)
    assert shell("answering <&- >&- 2>&-") == (b"", "", 7)


def test_no_file_gets_the_number_of_a_closed_stream() -> None:
    program = (
        "from quoth.cli.streams import Streams; import os, sys; Streams.of_process(); "
        "file = open(os.devnull); os.write(9, str(file.fileno()).encode())"
    )
    line = f"""{ANSWERING[0]} -c '{program}' 9>&1 <&- >&- 2>&-"""
    out, _, code = shell(line)
    assert int(out) > 2
    assert code == 0


def assert_storage_error(err: str, code: int, reason: str) -> None:
    assert code == 7
    assert err == f"quoth: error: standard output cannot be written ({reason}). Send the answer elsewhere\n"


if Path("/dev/full").exists():  # Linux and FreeBSD

    def test_a_full_disk_is_a_storage_error() -> None:
        _, err, code = shell("answering > /dev/full", b"text")
        assert_storage_error(err, code, "No space left on device")


def test_a_file_that_may_not_grow_keeps_what_fitted(tmp_path: Path) -> None:
    file = tmp_path / "answer"
    with file.open("wb") as out:
        result = subprocess.run(
            [*ANSWERING, "--pieces=10"],
            input=b"0123456789" * 200,
            stdout=out,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd=ROOT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1005, 1005)),
            timeout=60,
        )
    assert_storage_error(result.stderr.decode(), result.returncode, "File too large")
    assert file.read_bytes() == b"0123456789" * 100 + b"01234"


def test_a_gigabyte_is_refused_without_being_read() -> None:
    process = subprocess.Popen(
        ANSWERING, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT
    )
    assert process.stdin is not None
    began, written, chunk = time.perf_counter(), 0, b"y\n" * 32_768
    try:
        while written < 2**30:
            written += os.write(process.stdin.fileno(), chunk)
    except BrokenPipeError:
        process.stdin.close()
        process.stdin = None
    out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == (b"", 5)
    assert b"standard input is longer than 8,388,608 bytes (at most 8,388,608 are read). Raise the limit with" in err
    assert written < 9 * 2**20
    assert time.perf_counter() - began < 10


def test_a_gigabyte_file_is_refused_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(2**30)
    out, err, code = shell(f"answering < '{file}'")
    assert (out, code) == (b"", 5)
    assert "standard input is 1,073,741,824 bytes long (at most 8,388,608 are read)" in err
    file.write_bytes(b"12345678")
    assert shell(f"answering --limit=8 < '{file}'")[0] == b"12345678\n"
    assert shell(f"{{ dd bs=4 count=1 > /dev/null 2>&1; answering --limit=4; }} < '{file}'")[0] == b"5678\n"
    assert shell("answering --limit=4", b"1234") == (b"1234\n", "", 0)
    assert shell("answering --limit=4", b"12345")[2] == 5


def test_a_slow_producer_is_waited_for() -> None:
    assert shell("(printf 'a\\n'; sleep 0.5; printf 'b\\n'; sleep 0.5; printf c) | answering") == (b"a\nb\nc\n", "", 0)


def test_descriptors_that_do_not_block_are_waited_for() -> None:
    """As a parent such as Node.js or ssh leaves them; the reader is slow, and the pipe is full before it reads."""
    in_reader, in_writer = os.pipe()
    out_reader, out_writer = os.pipe()
    os.set_blocking(in_reader, False)
    os.set_blocking(out_writer, False)
    process = subprocess.Popen(
        ANSWERING, stdin=in_reader, stdout=out_writer, stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT
    )
    os.close(in_reader)
    os.close(out_writer)
    text = b"0123456789" * 20_000
    with os.fdopen(in_writer, "wb") as source:
        time.sleep(0.3)
        source.write(text[:1000])
        source.flush()
        time.sleep(0.3)
        source.write(text[1000:])
    time.sleep(0.3)
    with os.fdopen(out_reader, "rb") as answer:
        assert answer.read() == text + b"\n"
    assert process.communicate(timeout=30)[1] == b""
    assert process.returncode == 0


def test_an_interrupt_while_waiting_for_input_leaves_at_once() -> None:
    process = subprocess.Popen(
        ANSWERING, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, cwd=ROOT
    )
    assert process.stdin is not None
    process.stdin.write(b"half of a sen")
    process.stdin.flush()
    time.sleep(0.6)
    began = time.perf_counter()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.perf_counter() - began < 1.0
    assert (out, err, process.returncode) == (b"", b"", 130)


def test_hostile_bytes_leave_no_control_code_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "answer"
    began = time.perf_counter()
    _, err, code = shell(f"answering --hostile=2000000 > '{file}'")
    assert code == 0
    assert time.perf_counter() - began < 20
    assert err.endswith(" control codes were removed from the answer (--raw keeps them)\n")
    assert err.count("\n") == 1
    text = file.read_text("utf-8")
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert b"\x1b" in hostile_bytes(10_000)
