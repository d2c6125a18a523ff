"""JSON, JSON lines, log-probabilities, schemas and grammars with the real model."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from quoth.version import __version__
from tests.cli.grammars import ENDLESS, grammar_file, says
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("installed")

COLOURS = {
    "type": "object",
    "properties": {
        "colours": {
            "type": "array",
            "items": {"type": "string", "minLength": 1, "maxLength": 12},
            "minItems": 3,
            "maxItems": 3,
        },
        "count": {"type": "integer"},
    },
    "required": ["colours", "count"],
    "additionalProperties": False,
}
UNBOUNDED = {"type": "object", "properties": {"words": {"type": "array", "items": {"type": "string"}}}}


def schema_file(folder: Path, schema: Any) -> str:
    file = folder / "schema.json"
    file.write_text(json.dumps(schema))
    return str(file)


def test_json_is_one_object_with_everything_about_the_answer(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says('It is "blue".\n\ttab'))
    result = quoth("Why?", "--grammar", grammar, "--json", "--seed", "3", "--logprobs", "2")
    assert (result.returncode, result.stderr, result.stdout.count(b"\n")) == (0, b"", 1)
    answer = json.loads(result.stdout)
    usage = answer.pop("usage")
    logprobs = answer.pop("logprobs")
    assert answer == {
        "text": 'It is "blue".\n\ttab',
        "reason": "stop",
        "model": "smollm2-135m",
        "seed": 3,
        "temperature": 0.2,
        "version": __version__,
    }
    assert sorted(usage) == ["generated_tokens", "prompt_tokens", "read_seconds", "reused_tokens", "write_seconds"]
    assert usage["prompt_tokens"] > 5
    assert usage["reused_tokens"] == 0
    assert usage["generated_tokens"] == len(logprobs)
    assert usage["read_seconds"] > 0 < usage["write_seconds"]
    assert "".join(token["text"] for token in logprobs) == answer["text"]
    for token in logprobs:
        assert token["logprob"] <= 0
        assert len(token["top"]) == 2
        assert token["top"][0]["logprob"] >= token["top"][1]["logprob"]
        assert sum(math.exp(other["logprob"]) for other in token["top"]) <= 1 + 1e-4


def test_the_number_of_tokens_is_obeyed_and_said(quoth: Run) -> None:
    answer = json.loads(quoth("Tell me a long story.", "-n", "3", "--json").stdout)
    assert (answer["reason"], answer["usage"]["generated_tokens"]) == ("length", 3)


def test_json_lines_are_events_and_the_pieces_are_the_text(quoth: Run, tmp_path: Path) -> None:
    grammar = grammar_file(tmp_path, says("one two three four five six"))
    result = quoth("Count.", "--grammar", grammar, "--jsonl", "--seed", "5")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["event"] == "reading"
    assert "".join(event["text"] for event in events if event["event"] == "piece") == "one two three four five six"
    last = events[-1]
    assert (last["event"], last["reason"], last["seed"], last["model"]) == ("done", "stop", 5, "smollm2-135m")
    assert last["version"] == __version__
    assert last["usage"]["generated_tokens"] >= 6


def test_every_error_ends_json_lines_with_an_event_and_leaves_no_json_object(quoth: Run) -> None:
    long = b"word " * 9000
    result = quoth("Summarize.", "--jsonl", input=long)
    last = json.loads(result.stdout.splitlines()[-1])
    assert result.returncode == last["code"] == 5
    assert last["event"] == "error"
    assert result.stderr.decode() == f"quoth: error: {last['message']}\n"
    result = quoth("Summarize.", "--json", input=long)
    assert (result.returncode, result.stdout) == (5, b"")


@pytest.mark.parametrize("arguments", [["-m", "nothing"], ["-n", "0"], ["--grammar", "nowhere"]], ids=str)
def test_json_lines_tell_of_errors_before_the_model_is_there(quoth: Run, arguments: list[str]) -> None:
    result = quoth("hello", "--jsonl", *arguments)
    (event,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (event["event"], event["code"]) == ("error", result.returncode)
    assert result.returncode in (2, 3)


def test_log_probabilities_go_to_standard_error_beside_a_plain_answer(quoth: Run, tmp_path: Path) -> None:
    result = quoth("Say it.", "--grammar", grammar_file(tmp_path, says("yes")), "--logprobs", "2")
    assert result.stdout == b"yes\n"
    lines = result.stderr.decode().splitlines()
    assert "".join(json.loads(line.split()[2]) for line in lines) == "yes"
    for line in lines:
        assert re.fullmatch(r'quoth: -\d+\.\d{3} "\w+"  of  ".+" -\d+\.\d{3}  ".+" -\d+\.\d{3}', line)


def assert_fits_schema(quoth: Run, folder: Path, seeds: range) -> None:
    schema = schema_file(folder, COLOURS)
    for seed in seeds:
        result = quoth("List three colours.", "--schema", schema, "-t", "1", "--seed", str(seed))
        assert result.returncode == 0, result.stderr
        jsonschema.validate(json.loads(result.stdout), COLOURS)


@pytest.mark.long
def test_answers_fit_a_bounded_schema(quoth: Run, tmp_path: Path) -> None:
    assert_fits_schema(quoth, tmp_path, range(2))


@pytest.mark.long
def test_twenty_of_twenty_answers_fit_a_bounded_schema(quoth: Run, tmp_path: Path) -> None:
    assert_fits_schema(quoth, tmp_path, range(100, 120))


@pytest.mark.parametrize("budget", ["3", "12", "60"])
@pytest.mark.more
def test_a_value_without_bounds_is_whole_or_the_answer_is_refused(quoth: Run, tmp_path: Path, budget: str) -> None:
    schema = schema_file(tmp_path, UNBOUNDED)
    result = quoth("List all English words.", "--schema", schema, "-t", "1", "-n", budget, "--seed", "1")
    if result.returncode == 0:
        jsonschema.validate(json.loads(result.stdout), UNBOUNDED)
    else:
        assert (result.returncode, result.stdout) == (5, b"")
        assert b"cut short of its schema" in result.stderr


def test_a_number_that_the_grammar_cannot_bound_is_held_against_the_schema(quoth: Run, tmp_path: Path) -> None:
    schema = {"type": "integer", "minimum": 5, "maximum": 6}
    result = quoth("How many moons has the Earth?", "--schema", schema_file(tmp_path, schema), "-t", "1")
    if result.returncode == 0:
        jsonschema.validate(json.loads(result.stdout), schema)
    else:
        assert (result.returncode, result.stdout) == (5, b"")
        assert b"does not fit its schema" in result.stderr


def test_a_value_that_cannot_be_whole_exits_5(quoth: Run, tmp_path: Path) -> None:
    schema = schema_file(tmp_path, {"type": "string", "minLength": 200, "maxLength": 300})
    result = quoth("Say something.", "--schema", schema, "-n", "4")
    assert (result.returncode, result.stdout) == (5, b"")
    assert result.stderr.startswith(b"quoth: error: the value was cut short of its schema (")


def test_an_endless_grammar_ends_with_the_budget(quoth: Run, tmp_path: Path) -> None:
    result = quoth("Go.", "--grammar", grammar_file(tmp_path, ENDLESS), "-n", "8", "--json")
    answer = json.loads(result.stdout)
    assert answer["reason"] == "length"
    assert set(answer["text"]) <= set("abcdefghijklmnopqrstuvwxyz ")


@pytest.mark.parametrize(
    ("option", "content", "code", "sentence"),
    [
        ("--grammar", "root ::= (", 2, "the grammar does not parse"),
        ("--schema", "{", 2, "schema.json is not JSON"),
        ("--schema", "5", 2, "schema.json is not a JSON schema"),
        ("--schema", "[" * 100_000, 2, "schema.json is not JSON"),
        ("--schema", '{"type": "string", "pattern": "("}', 2, "schema.json is not a JSON schema"),
    ],
)
@pytest.mark.more
def test_a_grammar_or_schema_that_is_none_is_a_usage_error(
    quoth: Run, tmp_path: Path, option: str, content: str, code: int, sentence: str
) -> None:
    (tmp_path / "schema.json").write_text(content)
    result = quoth("Say it.", option, "schema.json", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (code, b"")
    assert result.stderr.decode().startswith(f"quoth: error: {sentence}")
    assert result.stderr.count(b"\n") == 1
