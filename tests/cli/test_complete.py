"""`quoth complete` with the real model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import run_here
from tests.cli.grammars import grammar_file, says
from tests.conftest import Run

BEGINNING = "Once upon a time, there was a"
pytestmark = pytest.mark.usefixtures("installed")


def test_greedy_continuations_are_the_same_each_time_and_no_chat(quoth: Run) -> None:
    first, again = (quoth("complete", BEGINNING, "-t", "0", "-n", "8", "--json") for _ in range(2))
    answer, same = json.loads(first.stdout), json.loads(again.stdout)
    assert (first.returncode, first.stderr) == (0, b"")
    assert answer["text"] == same["text"] != ""
    assert answer["text"].startswith(" ")
    assert answer["reason"] == "length"
    # Plain text has no turns: eight tokens of beginning are eight tokens of prompt.
    assert answer["usage"]["prompt_tokens"] == len(quoth("tokens", "--ids", input=BEGINNING.encode()).stdout.split())


def test_echo_puts_the_beginning_in_front(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says(" dragon"))
    result = quoth("complete", BEGINNING, "--echo", "--grammar", grammar)
    assert (result.stdout, result.stderr, result.returncode) == (BEGINNING.encode() + b" dragon\n", b"", 0)


def test_the_length_counts_the_prompt_too(quoth: Run) -> None:
    answer = json.loads(quoth("complete", BEGINNING, "-t", "0", "--max-length", "12", "--json").stdout)
    assert answer["usage"]["prompt_tokens"] + answer["usage"]["generated_tokens"] == 12
    assert answer["reason"] == "length"


def test_a_length_that_the_prompt_alone_has_is_refused(quoth: Run) -> None:
    result = quoth("complete", BEGINNING, "-t", "0", "--max-length", "2")
    assert (result.returncode, result.stdout) == (5, b"")
    assert b" tokens, and with its continuation it may have 2 (nothing is left to write). " in result.stderr


def test_of_a_character_that_a_limit_cuts_nothing_is_written(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("a😀"))
    result = quoth("complete", BEGINNING, "--grammar", grammar, "--logprobs", "1", "--json", "-n", "2")
    answer = json.loads(result.stdout)
    assert (answer["text"], answer["reason"]) == ("a", "length")
    assert len(answer["logprobs"]) == answer["usage"]["generated_tokens"] == 2
    assert quoth("complete", BEGINNING, "--grammar", grammar).stdout == "a😀\n".encode()


@pytest.mark.more
def test_several_sequences_differ_and_are_repeatable(quoth: Run) -> None:
    arguments = ("complete", BEGINNING, "--num-sequences", "3", "-n", "6", "-t", "1", "--seed", "4", "--json")
    result = quoth(*arguments)
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert len(texts) == 3
    assert len({*texts}) > 1
    plain = quoth(*arguments[:-1])
    assert plain.stdout.decode() == "".join(text.rstrip("\n") + "\n" for text in texts)


@pytest.mark.more
def test_text_may_come_from_a_pipe(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says(" end"))
    for way in ([], ["-"]):
        result = quoth("complete", "--echo", "--grammar", grammar, *way, input=b"The very\n")
        assert result.stdout.endswith(b" end\n")
        assert result.stdout.startswith(b"The very")


def test_nothing_to_continue_is_a_usage_error(environ: dict[str, str]) -> None:
    for arguments in (["complete"], ["complete", ""], ["complete", "-"]):
        outcome = run_here(*arguments, environ=environ)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith("quoth: error: there is no text to continue")


@pytest.mark.parametrize(
    ("flag", "value"), [("--num-sequences", "0"), ("--max-length", "0"), ("--num-sequences", "x"), ("-n", "-1")]
)
def test_values_out_of_range_are_usage_errors(environ: dict[str, str], flag: str, value: str) -> None:
    outcome = run_here("complete", "Once", flag, value, environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
