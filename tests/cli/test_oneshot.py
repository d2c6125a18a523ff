"""`quoth PROMPT` with the real model: what reaches it, and what it is told to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.grammars import grammar_file, says
from tests.conftest import Run

CAPITALS = b"The capital of France is Paris. The capital of Italy is Rome.\n"

pytestmark = pytest.mark.usefixtures("installed")


def prompt_tokens(quoth: Run, *arguments: str, **more: object) -> int:
    result = quoth(*arguments, "--json", "-n", "1", **more)
    assert result.returncode == 0, result.stderr
    return int(json.loads(result.stdout)["usage"]["prompt_tokens"])


def test_the_answer_is_in_the_piped_text(quoth: Run) -> None:
    result = quoth("Which city is the capital of Italy? Answer with one word.", "-t", "0", input=CAPITALS)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"Rome" in result.stdout
    assert result.stdout.endswith(b"\n")
    assert not result.stdout.endswith(b"\n\n")
    assert b"\x1b" not in result.stdout


def test_files_and_piped_text_reach_the_model_with_the_prompt(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("one two three four five " * 12)
    (tmp_path / "more.txt").write_text("six seven eight nine ten " * 12)
    alone = prompt_tokens(quoth, "hello", cwd=tmp_path)
    with_file = prompt_tokens(quoth, "hello", "-f", "notes.txt", cwd=tmp_path)
    with_all = prompt_tokens(quoth, "hello", "-f", "notes.txt", "-f", "more.txt", input=b"eleven " * 40, cwd=tmp_path)
    assert with_file - alone > 60
    assert with_all - with_file > 60 + 30


def temperature(quoth: Run, *arguments: str, **more: object) -> float:
    result = quoth(*arguments, "--json", "-n", "1", **more)
    assert result.returncode == 0, result.stderr
    return float(json.loads(result.stdout)["temperature"])


def test_an_answer_about_data_is_greedy_and_any_other_as_the_model_recommends(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("one two three")
    assert temperature(quoth, "hello") == 0.2
    assert temperature(quoth, input=b"hello") == 0.2  # the prompt itself, and no data
    assert temperature(quoth, "hello", input=CAPITALS) == 0
    assert temperature(quoth, "hello", "-f", str(tmp_path / "notes.txt")) == 0


@pytest.mark.more
def test_a_temperature_that_was_set_counts_for_data_too(quoth: Run, home: Path) -> None:
    assert temperature(quoth, "hello", "-t", "0.5", input=CAPITALS) == 0.5
    assert temperature(quoth, "hello", input=CAPITALS, env={"QUOTH_TEMPERATURE": "0.6"}) == 0.6
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text("temperature = 0.7")
    assert temperature(quoth, "hello", input=CAPITALS) == 0.7


@pytest.mark.parametrize(
    ("question", "data", "expected"),
    [
        ("Which city is the capital of Italy? Answer with one word.", CAPITALS, "Rome"),
        ("List the dates in this text, one per line, nothing else.", b"Begun on 2021-04-01.\n", "2021-04-01"),
    ],
)
def test_an_answer_about_a_pipe_has_no_fence_and_no_tag(quoth: Run, question: str, data: bytes, expected: str) -> None:
    result = quoth(question, "-n", "60", input=data)
    assert result.returncode == 0
    assert expected in result.stdout.decode()
    assert b"```" not in result.stdout
    assert b"<" not in result.stdout


@pytest.mark.more
def test_a_prompt_may_come_from_standard_input_alone(quoth: Run) -> None:
    text = "Name a fruit and a bird."
    ways: tuple[list[str], ...] = (["-"], ["-f", "-"])
    answers = {quoth("-t", "0", "-n", "8", *way, input=text.encode() + b"\n").stdout for way in ways}
    assert answers == {quoth("-t", "0", "-n", "8", text).stdout}


@pytest.mark.more
def test_bytes_of_other_encodings_are_read_and_counted(quoth: Run) -> None:
    result = quoth("Repeat.", "-n", "1", input=b"caf\xf7\xbf\xbf\xbf.")
    assert (result.returncode, result.stderr) == (0, b"quoth: 4 bytes that are not UTF-8 were replaced\n")
    result = quoth("Repeat.", "-n", "1", input="naïve".encode("utf-16"))
    assert (result.returncode, result.stderr) == (0, b"quoth: read as UTF-16-LE\n")


def test_arguments_that_are_not_utf8_are_answered(quoth: Run) -> None:
    result = quoth("caf\udce9", "-s", "b\udcff", "-n", "2")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.strip()


def test_the_first_fenced_block_is_printed_alone_and_ends_the_answer(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, 'root ::= "Here it is:\\n```sh\\nls -l\\n```\\n" ([a-z]+ " ")+')
    result = quoth("How do I list files?", "-x", "--grammar", grammar)
    assert (result.stdout, result.stderr, result.returncode) == (b"ls -l\n", b"", 0)
    result = quoth("How do I list files?", "-x", "--grammar", grammar_file(tmp_path, says("With ls.")))
    assert (result.stdout, result.returncode) == (b"", 0)
    assert result.stderr == b"quoth: the answer has no fenced block; without -x all of it is printed\n"


def test_the_same_seed_gives_the_same_answer(quoth: Run) -> None:
    def say(seed: str) -> bytes:
        return quoth("Name an animal and a plant.", "-t", "1.5", "-n", "16", "--seed", seed).stdout

    assert say("7") == say("7") != say("8")


def test_stop_texts_are_not_printed(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("one two three four"))
    result = quoth("Count.", "--grammar", grammar, "--stop", "five", "--stop", "thr", "--json")
    answer = json.loads(result.stdout)
    assert (answer["text"], answer["reason"]) == ("one two ", "stop")


@pytest.mark.more
def test_the_system_message_reaches_the_model(quoth: Run) -> None:
    plain, told = prompt_tokens(quoth, "hello"), prompt_tokens(quoth, "hello", "-s", "word " * 40)
    assert told - plain > 20


def test_the_answer_is_utf8_in_every_locale(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("naïve 漢字 👍"))
    env = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    result = quoth("Say it: é", "--grammar", grammar, env=env)
    assert (result.stdout.decode(), result.stderr, result.returncode) == ("naïve 漢字 👍\n", b"", 0)


@pytest.mark.more
def test_control_codes_of_the_model_are_removed_unless_raw(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("\x1b[31mred\x07"))
    result = quoth("Say it.", "--grammar", grammar)
    assert result.stdout == b"red\n"
    assert result.stderr == b"quoth: 2 control codes were removed from the answer (--raw keeps them)\n"
    assert quoth("Say it.", "--grammar", grammar, "--raw").stdout == b"\x1b[31mred\x07\n"
