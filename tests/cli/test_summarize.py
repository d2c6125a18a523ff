"""`quoth summarize` as people run it: the real command with the demonstration model."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from quoth.text.words import count_words
from tests.cli.commands import run_here
from tests.conftest import Run
from tests.documents import files
from tests.rounds import rounds
from tests.tasks.texts import harbours

pytestmark = pytest.mark.usefixtures("installed")
posix = pytest.mark.skipif(os.name == "nt", reason="signals and modes of POSIX")
TOO_SMALL = "is too small to be trusted with a summary in its own words"
COVERAGE = re.compile(r"read (\d+) of \1 parts, ([\d,]+) of \2 tokens, 0 dropped, in \d+ s")
WRITTEN = ("--write", "--ctx", "512")  # small parts, so that notes come soon


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "harbours.txt"
    path.write_text(harbours(24))
    return path


def fields(quoth: Run, *arguments: str, **more: object) -> dict[str, Any]:
    done = quoth("summarize", "--json", *arguments, **more)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_a_small_model_extracts_and_says_so_and_what_was_read(quoth: Run, text: Path) -> None:
    done = quoth("summarize", str(text))
    talk = done.stderr.decode()
    assert done.returncode == 0
    assert TOO_SMALL in talk
    assert COVERAGE.search(talk), talk
    cited = re.findall(r"([^\]]+?) \[\S+?harbours\.txt:(\d+)(?:-\d+)?\]", done.stdout.decode())
    lines = text.read_text().split("\n")
    assert len(cited) >= 3
    assert all(sentence.strip() in lines[int(line) - 1] for sentence, line in cited)
    assert done.stdout.endswith(b"]\n")


def test_a_small_model_does_not_translate_and_says_so(quoth: Run, text: Path) -> None:
    result = quoth("summarize", str(text), "--language", "German")
    assert b"quoted sentences stay in the text's own language: --language needs --write" in result.stderr


def test_json_has_the_sources_of_each_sentence_and_the_coverage(quoth: Run, text: Path) -> None:
    found = fields(quoth, str(text))
    assert found["coverage"]["parts_read"] == found["coverage"]["parts"] > 0
    assert found["coverage"]["tokens_read"] == found["coverage"]["tokens"] > 1000
    assert (found["coverage"]["dropped"], found["extracted"], found["reason"]) == (0, True, "stop")
    assert {"version", "model", "reason", "seed", "usage", "unsupported", "seconds"} <= found.keys()
    lines = text.read_text().split("\n")
    for source in found["sources"]:
        [place] = source["places"]
        assert place["file"] == str(text)
        assert place["page"] is None
        assert source["sentence"] in " ".join(lines[place["start_line"] - 1 : place["end_line"]])
        assert source["sentence"] in found["summary"]


@pytest.mark.parametrize(("length", "most"), [("short", 60), ("medium", 150), ("long", 400), ("35", 35)])
@pytest.mark.more
def test_the_length_is_kept(quoth: Run, text: Path, length: str, most: int) -> None:
    found = fields(quoth, "--no-cite", "--length", length, str(text))
    assert 0.25 * most < count_words(found["summary"]) <= most


@pytest.mark.parametrize("length", ["0", "-3", "10001", "many", "1.5", ""])
def test_a_length_that_is_none_is_refused(environ: dict[str, str], length: str) -> None:
    outcome = run_here("summarize", "--length", length, "x.txt", environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert "--length must be short, medium, long or from 1 to 10000 words" in outcome.err


@pytest.mark.more
def test_styles_are_prose_bullets_and_an_outline(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "t.md").write_text(
        "# Harbours\n\n" + harbours(6) + "\n# More\n\n" + harbours(6).replace("was", "had been")
    )
    shown = {
        style: quoth("summarize", "--style", style, "--no-cite", "t.md", cwd=tmp_path).stdout.decode().splitlines()
        for style in ("prose", "bullets", "outline")
    }
    assert len(shown["prose"]) == 1
    assert len(shown["bullets"]) > 2
    assert all(line.startswith("- ") for line in shown["bullets"])
    assert [line for line in shown["outline"] if not line.startswith("- ")] == ["Harbours", "More"]


def test_a_pipe_is_summarized_and_words_are_the_focus(quoth: Run) -> None:
    piped = (harbours(12) + "\n\nThe whale museum of Corley shows bones of forty whales to its visitors.\n").encode()
    for arguments in (["the", "whale", "museum"], ["--focus", "the whale museum"], ["-", "--focus", "whale museum"]):
        done = quoth("summarize", "--extract", "--length", "20", *arguments, input=piped)
        assert done.returncode == 0, done.stderr
        assert b"whale museum of Corley" in done.stdout
        assert b"[stdin:" in done.stdout


def test_files_that_are_named_are_read_and_not_the_pipe(quoth: Run, text: Path) -> None:
    found = fields(quoth, "harbours.txt", input=b"whales " * 40, cwd=text.parent)
    assert found["files"] == ["harbours.txt"]
    found = fields(
        quoth, "harbours.txt", "-", input=b"The whales sing in the deep ocean at night. " * 4, cwd=text.parent
    )
    assert found["files"] == ["harbours.txt", "stdin"]


def test_a_mistyped_file_is_not_taken_for_a_focus(quoth: Run, text: Path) -> None:
    for arguments, what in (
        (["harbuors.txt"], "harbuors.txt does not exist"),
        (["harbours.txt", "more"], "more does not exist"),
        (["nowhere/*.txt"], "nowhere/*.txt does not exist"),
    ):
        done = quoth("summarize", *arguments, input=harbours(4).encode(), cwd=text.parent)
        assert (done.returncode, done.stdout) == (5, b"")
        assert what in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1


def test_several_files_a_folder_and_a_pattern_are_one_summary(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / "one.txt").write_text(harbours(8))
    (tmp_path / "notes" / "deep" / "two.md").write_text("# Whales\n\n" + "Whales of the north sing in the ocean. " * 12)
    (tmp_path / "notes" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (tmp_path / "notes" / "half.pdf").write_bytes(files.pdf([["Some text."]])[:200])
    both = ["notes/deep/two.md", "notes/one.txt"]
    assert sorted(fields(quoth, "notes", cwd=tmp_path)["files"]) == both
    assert sorted(fields(quoth, *both, both[0], "./" + both[1], cwd=tmp_path)["files"]) == both
    assert fields(quoth, "notes/*.txt", cwd=tmp_path)["files"] == ["notes/one.txt"]
    talk = quoth("summarize", "notes", cwd=tmp_path).stderr.decode()
    assert "left out:" in talk
    assert "half.pdf" in talk


def test_each_file_has_a_line_and_one_without_words_does_not_stop_the_others(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(harbours(8))
    (tmp_path / "b.txt").write_text("Hello.")
    (tmp_path / "c.txt").write_text(harbours(9))
    done = quoth("summarize", "--each", "a.txt", "b.txt", "c.txt", cwd=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["files"] for line in lines] == [["a.txt"], ["b.txt"], ["c.txt"]]
    assert ["summary" in line for line in lines] == [True, False, True]
    assert lines[1]["error"]["code"] == done.returncode == 5
    assert done.stderr.count(TOO_SMALL.encode()) == 1


@pytest.mark.more
def test_a_summary_is_no_longer_than_a_short_source(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text(harbours(1))
    for way in ("--extract", "--write"):
        found = fields(quoth, way, "--no-cite", "--length", "long", "short.txt", cwd=tmp_path)
        assert 0 < count_words(found["summary"]) <= count_words(harbours(1))


def test_the_output_file_is_written_whole_at_the_end(quoth: Run, text: Path) -> None:
    output = text.parent / "summary.txt"
    done = quoth("summarize", "-o", str(output), str(text))
    assert (done.returncode, done.stdout) == (0, b"")
    assert output.read_text() == quoth("summarize", str(text)).stdout.decode()
    assert [path.name for path in text.parent.iterdir() if "part" in path.name] == []


@posix
@pytest.mark.parametrize("output", ["nowhere/s.txt", "."])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(quoth: Run, text: Path, output: str) -> None:
    done = quoth("summarize", "-o", output, "harbours.txt", cwd=text.parent)
    assert (done.returncode, done.stdout) == (7, b"")
    assert f"cannot write {output}" in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


BAD = {
    "empty.txt": (b"", "empty.txt has no text (empty)"),
    "blank.txt": (b" \n\t\n", "blank.txt has no text (only white space)"),
    "binary.txt": (bytes(range(256)) * 20, "binary.txt looks binary"),
    "nul.txt": (b"words and a\0 between them " * 20, "nul.txt looks binary"),
    "half.pdf": (files.pdf([["Some text of a page."]])[:300], "half.pdf"),
    "images.pdf": (files.pdf([[]]), "images.pdf"),
    "secret.pdf": (files.encrypted(files.pdf([["Some text."]]), user="secret"), "secret.pdf"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_its_code_and_one_sentence(quoth: Run, tmp_path: Path, name: str) -> None:
    data, what = BAD[name]
    (tmp_path / name).write_bytes(data)
    for arguments in (["summarize", "-o", "out.txt", name], ["ask", "-f", name, "What is it?"]):
        done = quoth(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (5, b"")
        assert done.stderr.startswith(b"quoth: error: ")
        assert what in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1
        assert not (tmp_path / "out.txt").exists()


def test_a_single_word_is_nothing_to_summarize(quoth: Run) -> None:
    done = quoth("summarize", input=b"hello")
    assert (done.returncode, done.stdout) == (5, b"")
    assert done.stderr.startswith(b"quoth: error: there is nothing to summarize (1 word). ")
    assert done.stderr.count(b"\n") == 1


def test_a_folder_without_readable_files_is_refused(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    done = quoth("summarize", "pictures", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, b"")
    assert b"pictures has no readable files" in done.stderr


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            (
                "<html><body><p>" + "The harbour of Corley was opened in 1802 by the council. " * 20_000 + "</p>"
            ).encode(),
            marks=pytest.mark.long,
        ),
        ("تفتح المدينة ميناءها الجديد في الصباح الباكر بحضور المجلس. " * 30).encode(),
        ("内核维护系统主机名并且在启动的时候设置系统的主机名。" * 20).encode("gb18030"),
        ("Le conseil ouvre le port à l’été, et la fête dure toute la journée. " * 20).encode("cp1252"),
    ],
    ids=["a line of 1 MB", "right to left", "gb18030", "cp1252"],
)
@pytest.mark.more
def test_odd_text_is_summarized(quoth: Run, tmp_path: Path, data: bytes) -> None:
    name = "odd.html" if data.startswith(b"<") else "odd.txt"
    (tmp_path / name).write_bytes(data)
    found = fields(quoth, name, cwd=tmp_path)
    assert found["coverage"]["dropped"] == 0
    assert found["summary"].strip()


# With the model writing


@contextmanager
def running(environ: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A summary at work, that has taken its first note."""
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", "summarize", *WRITTEN, "-v", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    try:
        assert process.stderr is not None
        while b"quoth: [" not in (line := process.stderr.readline()):
            assert line, "it ended before its first note"
        yield process
    finally:
        process.kill()
        process.communicate()


@posix
@pytest.mark.more
def test_ctrl_c_ends_it_with_130_says_what_is_kept_and_writes_nothing(environ: dict[str, str], text: Path) -> None:
    output = text.parent / "out.txt"
    with running(environ, "-o", str(output), str(text)) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert re.search(rb"the notes on \d+ of \d+ parts are kept: the same command continues from there", err)
    assert not output.exists()
    assert b"Traceback" not in err
    kept = json.loads(run_here("cache", "--json", environ=environ).out)
    assert kept["notes"] >= 1


@posix
@pytest.mark.long
@pytest.mark.timeout(600)
def test_killed_in_the_middle_it_goes_on_from_what_it_had(environ: dict[str, str], quoth: Run, text: Path) -> None:
    text.write_text(harbours(10))
    output = text.parent / "out.txt"
    with running(environ, "-o", str(output), str(text)) as process:
        process.kill()
        process.communicate()
    assert not output.exists()
    found = fields(quoth, *WRITTEN, str(text), timeout=500)
    assert found["coverage"]["parts_known"] >= 1
    assert (found["coverage"]["dropped"], found["extracted"]) == (0, False)
    assert count_words(found["summary"]) > 0
    text.write_text(harbours(10).replace("Brackness was opened in 1809", "Brackness was closed in 1809"))
    again = fields(quoth, *WRITTEN, str(text), timeout=500)
    assert again["coverage"]["parts_known"] >= again["coverage"]["parts"] - 2
    assert again["coverage"]["dropped"] == 0


@posix
@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_private_summary_writes_no_notes_and_an_unwritable_cache_is_told(
    quoth: Run, home: Path, text: Path, environ: dict[str, str]
) -> None:
    text.write_text(harbours(7))
    private = quoth("summarize", *WRITTEN, "--private", str(text), timeout=300)
    assert private.returncode == 0, private.stderr
    assert json.loads(run_here("cache", "--json", environ=environ).out)["notes"] == 0
    place = Path(json.loads(run_here("cache", "--json", environ=environ).out)["path"])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir()
    done = quoth("summarize", *WRITTEN, str(text), timeout=300)
    assert done.returncode == 0
    assert done.stdout == private.stdout
    assert b"notes are not kept: " in done.stderr


@posix
def test_a_reader_that_leaves_ends_it_with_141(environ: dict[str, str], text: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", "summarize", "--length", "long", str(text)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 141
    assert b"error" not in err
    process.stderr.close()


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_an_error_of_storage(quoth: Run, text: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = quoth("summarize", str(text), capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 7
    assert b"standard output cannot be written" in done.stderr


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("command", ["summarize", "ask"])
def test_a_long_text_takes_twice_its_size_and_100_mb(environ: dict[str, str], tmp_path: Path, command: str) -> None:
    megabytes = rounds(100)
    big = tmp_path / "big.txt"
    block = harbours(1000).replace("the ", "the “old” ")
    with big.open("w") as file:
        for number in range(megabytes * 1_000_000 // len(block.encode()) + 1):
            file.write(block.replace("lighthouse", f"lighthouse of number{number}"))
    arguments = ["--extract", str(big)] if command == "summarize" else ["-f", str(big), "Who opened number77?"]
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        peak = max([peak, *(int(kb) for kb in re.findall(r"VmHWM:\s+(\d+)", status))])
        time.sleep(0.5)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out
    assert peak < (100 + 2 * megabytes) * 1024
