"""The answer on standard output, talk on standard error."""

from __future__ import annotations

import errno
import io
from typing import Any

import pytest

from quoth.cli.progress import Progress
from quoth.cli.streams import PipeClosed, Streams
from quoth.errors import InputError, ModelError, StorageError

PIECES = [
    (["Hello"], b"Hello\n"),
    (["Hello\n"], b"Hello\n"),
    (["Hel", "lo\n", "\n\n"], b"Hello\n"),
    (["a\n", "\n", "\nb", "\n"], b"a\n\n\nb\n"),
    (["\n", "  leading stays"], b"\n  leading stays\n"),
    (["trailing spaces  \n"], b"trailing spaces  \n"),
    (["漢字 é 👍"], "漢字 é 👍\n".encode()),
    ([], b""),
    (["", "\n\n"], b""),
    (["\x1b[0m\n"], b""),
    (["crlf\r", "\nend\r\n"], b"crlf\nend\n"),
    (["\x1b[3", "1mred\x1b]0;t", "itle\x07 text"], b"red text\n"),
    (["unclosed \x1b]0;title"], b"unclosed 0;title\n"),
]


class Full:
    """A stream that cannot be written, for a reason."""

    def __init__(self, reason: int) -> None:
        self.reason = reason
        self.asked = 0

    def write(self, data: memoryview) -> int:
        self.asked += 1
        raise OSError(self.reason, "reason")


class Narrow(io.BytesIO):
    """A stream that takes three bytes at a time, and every other time none."""

    asked = 0

    def write(self, data: memoryview) -> int | None:  # type: ignore[override]  # as an unbuffered stream answers
        self.asked += 1
        return super().write(data[:3]) if self.asked % 2 else None


def streams(**options: Any) -> tuple[Streams, io.BytesIO, io.BytesIO]:
    out, err = io.BytesIO(), io.BytesIO()
    environment = {"TERM": "xterm"}
    return Streams(io.BytesIO(), out, err, environment=environment, **options), out, err


@pytest.mark.parametrize(("pieces", "written"), PIECES)
@pytest.mark.parametrize("terminal", [False, True])
def test_an_answer_is_its_bytes_and_one_final_newline(pieces: list[str], written: bytes, terminal: bool) -> None:
    stream, out, _ = streams(stdout_isatty=terminal)
    for piece in pieces:
        stream.answer(piece)
    stream.finish()
    assert out.getvalue() == written


def test_each_piece_is_written_at_once() -> None:
    stream, out, _ = streams()
    seen = []
    for piece in ("One", " two\n", "three"):
        stream.answer(piece)
        seen.append(out.getvalue())
    assert seen == [b"One", b"One two", b"One two\nthree"]


def test_several_answers_end_with_a_newline_each() -> None:
    stream, out, err = streams()
    for text in ("one\n\n", "two\x1b[1m", ""):
        stream.answer(text)
        stream.finish()
    assert out.getvalue() == b"one\ntwo\n"
    assert err.getvalue().count(b"\n") == 1


def test_removed_control_codes_are_counted_on_standard_error() -> None:
    stream, out, err = streams()
    stream.answer("\x1b[1mbold\x1b[0m\u202e")
    stream.finish()
    assert out.getvalue() == b"bold\n"
    assert err.getvalue() == b"quoth: 3 control codes were removed from the answer (--raw keeps them)\n"


def test_raw_passes_everything_off_a_terminal_and_nothing_on_one() -> None:
    text = "\x1b[1mbold\x1b[0m\r\nnext\u202e\n"
    stream, out, err = streams(raw=True)
    stream.answer(text)
    stream.finish()
    assert out.getvalue() == text.encode()
    assert err.getvalue() == b""
    stream, out, _ = streams(raw=True, stdout_isatty=True)
    stream.answer(text)
    stream.finish()
    assert out.getvalue() == b"bold\nnext\n"


def test_talk_is_one_clean_line_and_quiet_keeps_errors_only() -> None:
    stream, out, err = streams()
    stream.say("two\nlines \x1b]0;t\x07and\ta tab")
    stream.quiet = True
    stream.say("nothing")
    stream.error(ModelError("no model", "none is\nhere", "Run quoth pull"))
    assert err.getvalue() == b"quoth: two lines and a tab\nquoth: error: no model (none is here). Run quoth pull\n"
    assert out.getvalue() == b""


def test_talk_within_an_answer_gets_a_line_of_its_own_on_a_terminal() -> None:
    stream, _, err = streams(stdout_isatty=True, stderr_isatty=True)
    stream.answer("half a sen")
    stream.say("first")
    stream.say("second")
    assert err.getvalue() == b"\nquoth: first\nquoth: second\n"
    stream, _, err = streams(stderr_isatty=True)
    stream.answer("half a sen")
    stream.say("elsewhere")
    assert err.getvalue() == b"quoth: elsewhere\n"


def test_a_reader_that_has_gone_is_told_apart_from_a_full_disk() -> None:
    for reason, kind in ((errno.EPIPE, PipeClosed), (errno.ENOSPC, StorageError), (errno.EIO, StorageError)):
        out, err = Full(reason), io.BytesIO()
        stream = Streams(None, out, err, environment={})
        with pytest.raises(kind):
            stream.answer("\x1b[1mtext")
        stream.answer("more")
        stream.finish()
        assert (out.asked, err.getvalue()) == (1, b"")


def test_closed_streams_are_known_and_survived() -> None:
    stream = Streams(None, None, None, environment={})
    assert stream.read_stdin(9) is None
    assert stream.read_line("name?") is None
    stream.say("nobody hears")
    stream.error(ModelError("nobody hears"))
    stream.finish()
    with pytest.raises(StorageError, match="standard output is closed"):
        stream.require_stdout()
    with pytest.raises(StorageError, match="standard output is closed"):
        Streams(None, None, None, environment={}).answer("text")


def test_standard_error_that_fails_is_given_up() -> None:
    err = Full(errno.EPIPE)
    stream = Streams(None, io.BytesIO(), err, environment={})
    stream.say("one")
    stream.say("two")
    assert err.asked == 1


def test_a_stream_that_takes_a_few_bytes_at_a_time_gets_them_all() -> None:
    out = Narrow()
    stream = Streams(None, out, None, environment={})
    stream.answer("0123456789" * 3)
    stream.finish()
    assert out.getvalue() == b"0123456789" * 3 + b"\n"


@pytest.mark.parametrize(("size", "fits"), [(0, True), (99, True), (100, True), (101, False), (10_000, False)])
def test_standard_input_is_read_up_to_its_bound(size: int, fits: bool) -> None:
    source = io.BytesIO(b"x" * size)
    stream = Streams(source, None, None, environment={})
    if fits:
        assert stream.read_stdin(100) == b"x" * size
        return
    with pytest.raises(InputError, match=r"longer than 100 bytes.*at most 100.*--max-input"):
        stream.read_stdin(100)
    assert source.tell() == 101


def test_a_terminal_is_not_read_as_input_but_for_lines_that_a_person_types() -> None:
    err = io.BytesIO()
    stream = Streams(io.BytesIO("ja\r\nè".encode() + b"\xff"), None, err, stdin_isatty=True, environment={})
    assert stream.read_stdin(9) is None
    assert stream.read_line("Go\x1b[2J on?") == "ja"
    assert stream.read_line("Sure?") == "è\ufffd"
    assert stream.read_line("Really?") is None
    assert err.getvalue() == b"Go on? Sure? Really? \n"
    stream = Streams(io.BytesIO(b"typed\ntext"), None, None, stdin_isatty=True, environment={})
    assert stream.read_terminal() == b"typed\ntext"
    assert Streams(io.BytesIO(b"piped"), None, None, environment={}).read_terminal() == b""


def test_the_width_is_the_environment_s_or_80() -> None:
    assert Streams(None, None, None, environment={"COLUMNS": "120"}).width == 120
    assert Streams(None, None, io.BytesIO(), environment={"COLUMNS": "many"}).width == 80


# Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_one_line_redrawn_with_an_estimate() -> None:
    clock, drawn = Clock(), io.StringIO()
    progress = Progress(drawn.write, lambda: 80, clock)
    for seconds, done in ((0, 0), (4, 1024), (4.01, 1100), (8, 2048), (12, 4000)):
        clock.now = 100 + seconds
        progress.update("reading", done, 4096)
    progress.clear()
    lines = drawn.getvalue().split("\r")
    assert lines == [
        "",
        "reading 1,024 of 4,096 tokens · 12 s left",
        "reading 2,048 of 4,096 tokens · 8 s left ",
        "reading 4,000 of 4,096 tokens" + " " * 11,
        " " * 29,
        "",
    ]
    progress.clear()
    assert drawn.getvalue().count("\r") == 5


def test_a_quick_step_draws_nothing_and_a_new_step_starts_its_own_clock() -> None:
    clock, drawn = Clock(), io.StringIO()
    progress = Progress(drawn.write, lambda: 80, clock)
    for seconds, verb, done in ((0, "loading", 0), (0.2, "loading", 90), (50, "reading", 0), (50.2, "reading", 50)):
        clock.now = 100 + seconds
        progress.update(verb, done, 100)
    assert drawn.getvalue() == ""
    clock.now = 150 + 200
    progress.update("reading", 60, 100, "parts")
    clock.now += 300
    progress.update("reading", 70, 100, "parts")
    assert drawn.getvalue() == "\rreading 70 of 100 parts · 15 min left"


def test_progress_never_fills_the_last_column() -> None:
    clock, drawn = Clock(), io.StringIO()
    progress = Progress(drawn.write, lambda: 12, clock)
    progress.update("reading", 0, 4096)
    clock.now += 1
    progress.update("reading", 10, 4096)
    progress.clear()
    assert drawn.getvalue() == "\rreading 10 \r" + " " * 11 + "\r"


@pytest.mark.parametrize(
    ("options", "term", "drawn"),
    [
        ({"stderr_isatty": True}, "xterm", True),
        ({"stderr_isatty": False}, "xterm", False),
        ({"stderr_isatty": True}, "dumb", False),
        ({"stderr_isatty": True, "quiet": True}, "xterm", False),
    ],
)
def test_progress_is_drawn_on_a_capable_terminal_only(options: dict[str, bool], term: str, drawn: bool) -> None:
    err, clock = io.BytesIO(), Clock()
    stream = Streams(None, io.BytesIO(), err, environment={"TERM": term}, clock=clock, **options)
    stream.progress.update("reading", 0, 10)
    clock.now += 1
    stream.progress.update("reading", 5, 10)
    assert bool(err.getvalue()) is drawn
    stream.answer("text")
    assert err.getvalue().endswith(b"\r") is drawn


def test_progress_never_overwrites_an_answer_on_the_same_terminal() -> None:
    err, clock = io.BytesIO(), Clock()
    terminals = {"stdout_isatty": True, "stderr_isatty": True}
    stream = Streams(None, io.BytesIO(), err, environment={"TERM": "xterm"}, clock=clock, **terminals)
    stream.answer("half a sen")
    for done in range(5):
        stream.progress.update("reading", done, 10)
        clock.now += 1
    stream.answer("tence")
    assert err.getvalue() == b""
