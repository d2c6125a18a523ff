"""Bad input: each has its exit code and one sentence with a next step, and nothing on standard output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Outcome, run_here
from tests.conftest import Run


def assert_refused(outcome: Outcome, code: int, *parts: str) -> None:
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith("quoth: error: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    for part in parts:
        assert part in outcome.err


@pytest.mark.parametrize(
    ("flag", "value", "range_"),
    [
        ("-n", "-1", "--max-tokens must be a whole number, 1 or more (it is '-1')"),
        ("-n", "0", "--max-tokens must be a whole number, 1 or more"),
        ("-n", "many", "--max-tokens must be a whole number, 1 or more (it is 'many')"),
        ("-t", "nan", "--temperature must be a number from 0 to 5 (it is 'nan')"),
        ("-t", "inf", "--temperature must be a number from 0 to 5"),
        ("-t", "-0.1", "--temperature must be a number from 0 to 5"),
        ("--threads", "1e5", "--threads must be a whole number from 1 to 512 (it is '1e5')"),
        ("--threads", "0", "--threads must be a whole number from 1 to 512"),
        ("--ctx", "7", "--ctx must be a whole number from 8 to 2,147,483,647 (it is '7')"),
        ("--top-p", "1.5", "--top-p must be a number from 0 to 1"),
        ("--min-p", "-1", "--min-p must be a number from 0 to 1"),
        ("--top-k", "-3", "--top-k must be a whole number from 0 to 1,000,000"),
        ("--repeat-penalty", "0", "--repeat-penalty must be a number from 0.01 to 10"),
        ("--seed", "-1", "--seed must be a whole number from 0 to 4,294,967,294"),
        ("--max-input", "0", "--max-input must be a whole number from 1 to"),
        ("--gpu-layers", "-2", "--gpu-layers must be a whole number from -1 to 10,000"),
    ],
)
def test_a_value_out_of_range_names_the_range(environ: dict[str, str], flag: str, value: str, range_: str) -> None:
    assert_refused(run_here("hello", flag, value, environ=environ), 2, range_)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["hello", "--nonsense"], ["quoth has no option --nonsense. See"]),
        (["hello", "--scheme", "a"], ["quoth has no option --scheme (did you mean --schema?). See"]),
        (["hello", "-n"], ["requires an argument", "quoth --help"]),
        (["hello", "--logprobs", "0"], ["--logprobs", "1<=x<=100"]),
        (["hello", "-x", "--json"], ["--json and -x exclude each other"]),
        (["hello", "--grammar", "a", "--schema", "b"], ["--grammar and --schema exclude each other"]),
        (["hello", "--think", "--schema", "b"], ["--think cannot be combined with --grammar or --schema"]),
        (["hello", "--schema", "nowhere.json"], ["nowhere.json cannot be read"]),
        (["hello", "--grammar", "nowhere.gbnf"], ["nowhere.gbnf cannot be read"]),
        (["hello", "-m", "file.gguf", "--template", "nowhere.j2"], ["the template nowhere.j2 cannot be read"]),
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_usage_errors(
    environ: dict[str, str],
    arguments: list[str],
    parts: list[str],
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.gguf").symlink_to(model_path)
    assert_refused(run_here(*arguments, environ=environ), 2, *parts)


def test_without_a_model_and_offline_a_pull_is_named(environ: dict[str, str]) -> None:
    outcome = run_here("hello", "--offline", environ=environ)
    assert_refused(outcome, 3, "there is no model on this machine", '"quoth pull"')


@pytest.mark.usefixtures("installed")
def test_an_unknown_model_is_answered_with_the_nearest(environ: dict[str, str]) -> None:
    assert_refused(run_here("hello", "-m", "smollm2-153m", environ=environ), 3, "Did you mean smollm2-135m")
    assert_refused(run_here("hello", "-m", "qwen3-4b", environ=environ), 3, "quoth pull qwen3-4b")


@pytest.mark.parametrize("name", ["empty.gguf", "text.gguf", "folder.gguf", "missing.gguf", "half.gguf"])
def test_a_file_that_is_no_model_exits_3(environ: dict[str, str], tmp_path: Path, model_path: Path, name: str) -> None:
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "text.gguf").write_text("This is no model.\n" * 100)
    (tmp_path / "folder.gguf").mkdir()
    with model_path.open("rb") as file:
        (tmp_path / "half.gguf").write_bytes(file.read(5_000_000))
    assert_refused(run_here("hello", "-m", str(tmp_path / name), environ=environ), 3, name)


@pytest.mark.usefixtures("installed")
def test_no_prompt_at_all_is_a_usage_error(quoth: Run) -> None:
    for arguments in ([], ["-"], ["-p", ""], ["--json"]):
        result = quoth(*arguments)
        assert (result.returncode, result.stdout) == (2, b"")
        assert result.stderr.startswith(b"quoth: error: there is no prompt (standard input is empty). ")


@pytest.mark.usefixtures("installed")
def test_binary_input_and_files_that_cannot_be_read_exit_5(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    for arguments, sentence in (
        (["hello"], b"standard input looks binary (a NUL among its first 8 KB)"),
        (["hello", "-f", "image.png"], b"image.png looks binary (a PNG image)"),
        (["hello", "-f", "nowhere"], b"nowhere cannot be read (No such file or directory)"),
        (["hello", "-f", "."], b". is a folder"),
    ):
        result = quoth(*arguments, input=b"a\x00bcdefgh" if b"standard" in sentence else b"", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (5, b"")
        assert result.stderr.startswith(b"quoth: error: " + sentence)


@pytest.mark.usefixtures("installed")
def test_a_prompt_longer_than_the_context_is_refused_with_the_numbers(quoth: Run) -> None:
    result = quoth("Summarize.", input=b"word " * 9000)
    assert (result.returncode, result.stdout) == (5, b"")
    assert b"tokens and smollm2-135m reads 8,192 (nothing was cut" in result.stderr
    result = quoth("Summarize.", "--ctx", "256", input=b"word " * 300)
    assert result.returncode == 5
    assert b"256" in result.stderr


@pytest.mark.usefixtures("installed")
def test_a_gigabyte_is_refused_without_being_read(environ: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "quoth", "Summarize."],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        bufsize=0,
    )
    assert process.stdin is not None
    written = 0
    try:
        while written < 1_000_000_000:
            written += process.stdin.write(b"word " * 20_000)
    except BrokenPipeError:
        process.stdin.close()
        process.stdin = None
    out, err = process.communicate(timeout=60)
    assert (out, process.returncode) == (b"", 5)
    assert err == b"quoth: error: standard input is longer than 8,388,608 bytes (at most 8,388,608 are read). " + (
        b"Raise the limit with --max-input BYTES\n"
    )
    assert written < 10_000_000


@pytest.mark.usefixtures("installed")
def test_a_large_file_is_refused_without_being_read(quoth: Run, tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room on the disk
    result = quoth("Summarize.", "-f", "large.txt", cwd=tmp_path)
    assert result.returncode == 5
    assert result.stderr.startswith(b"quoth: error: large.txt is longer than 8,388,608 bytes")


def test_a_home_that_cannot_be_written_is_no_reason_not_to_answer(quoth: Run, tmp_path: Path, model_path: Path) -> None:
    (tmp_path / "file").touch()
    result = quoth("Say hello.", "-n", "2", "-m", str(model_path), env={"QUOTH_HOME": str(tmp_path / "file")})
    assert result.returncode == 0
    assert result.stdout.strip()
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("arguments", [["hello"], ["hello", "-m", "qwen3-4b"], ["models"], ["models", "rm", "any"]])
def test_a_home_that_is_a_file_is_not_blamed_on_the_models(
    environ: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "file").touch()
    environ = {**environ, "QUOTH_HOME": str(tmp_path / "file"), "PATH": ""}
    outcome = run_here(*arguments, environ=environ)
    assert_refused(outcome, 7, str(tmp_path / "file"), "not a directory", "set QUOTH_HOME to a folder")


@pytest.mark.parametrize(
    ("count", "holds"), [(0, "without GGUF files"), (1, "with a GGUF file"), (2, "with 2 GGUF files")]
)
def test_a_folder_is_not_a_model(environ: dict[str, str], tmp_path: Path, count: int, holds: str) -> None:
    for number in range(count):
        (tmp_path / f"{number}.gguf").touch()
    assert_refused(run_here("hello", "-m", str(tmp_path), environ=environ), 3, f"it is a folder {holds}). ")


def test_an_empty_environment_is_enough(tmp_path: Path, model_path: Path) -> None:
    folders = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    result = subprocess.run(
        [sys.executable, "-m", "quoth", "Say hello.", "-n", "2", "--threads", "1", "-m", str(model_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=folders,
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.strip()


if sys.platform != "win32":  # Windows does not delete a working directory, nor does it have these limits

    @pytest.mark.usefixtures("installed")
    def test_a_deleted_working_directory_is_survived(quoth: Run, tmp_path: Path) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        result = quoth("Say hello.", "-n", "2", cwd=gone, preexec_fn=gone.rmdir)
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout.strip()

    @pytest.mark.usefixtures("installed")
    @pytest.mark.parametrize(
        ("limit", "value"), [("RLIMIT_NOFILE", 5), *(("RLIMIT_AS", mb * 1_000_000) for mb in (90, 180, 250, 380))]
    )
    def test_a_limit_of_the_system_ends_in_a_sentence(quoth: Run, limit: str, value: int) -> None:
        import resource

        result = quoth(
            "Say hello.", "-n", "2", preexec_fn=lambda: resource.setrlimit(getattr(resource, limit), (value, value))
        )
        assert result.returncode == 4
        assert result.stdout == b""
        assert result.stderr.startswith(b"quoth: error: ")
        assert result.stderr.count(b"\n") == 1

    @pytest.mark.usefixtures("installed")
    def test_it_answers_within_an_address_space_of_a_gigabyte(quoth: Run) -> None:
        import resource

        limits = (1_200_000_000,) * 2
        result = quoth(
            "Say hello.", "-n", "2", "--threads", "2", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits)
        )
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout.strip()


@pytest.mark.usefixtures("installed")
def test_it_works_under_python_without_asserts(environ: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "-O", "-m", "quoth", "Say hello.", "-n", "2"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**environ, "COLUMNS": "20"},
        timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["hello"], 3), (["history", "show", "9999"], 2), (["tokens", "--nope"], 2)],
)
def test_debug_adds_the_traceback_to_the_sentence_and_changes_no_exit_code(
    arguments: list[str], code: int, environ: dict[str, str]
) -> None:
    plain = run_here(*arguments, environ=environ)
    debugged = run_here(*arguments, "--debug", environ=environ)
    assert_refused(plain, code)
    assert debugged.code == code
    assert debugged.err.startswith("Traceback (most recent call last):\n")
    assert debugged.err.endswith(f"\n{plain.err}")


def test_an_option_out_of_its_range_is_told_without_the_program_s_name(environ: dict[str, str]) -> None:
    refused = run_here("hello", "--logprobs", "0", environ=environ)
    assert_refused(refused, 2, "quoth: error: invalid value for '--logprobs'")
