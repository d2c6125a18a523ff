"""Which words are a command, which are a prompt, and which are a mistake that must not become a prompt."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quoth.cli.commands import COMMANDS
from quoth.cli.routing import PROMPT, as_prompt_hint, distance, is_sentence, nearest, route
from quoth.errors import UsageError
from tests.cli.commands import run_here

FILES = {"report.pdf", "notes.txt", "main.py", "cats"}
LATER = ("ask", "convert", "history", "quantize", "score", "summarize")  # the table must hold when there are more


def routed(line: str) -> str:
    """The command that a line of shell goes to, or "suggestion"."""
    try:
        return route(shlex.split(line), [*COMMANDS, *LATER], FILES.__contains__)[0]
    except UsageError:
        return "suggestion"


PROMPTS = """
Why is the sky blue?
'Why is the sky blue?'
what is the capital of Italy
write a haiku about autumn leaves
hello
hello there
explain main.py
translate this into French
'models of the atom'
'pull the thread'
'complete the sentence: I am'
list three colours -t 0
list three colours --seed 7 --json
-t 0 tell me a joke
-m smollm2-135m tell me a joke
-s 'You are a pirate.' who are you
--json name one river
-n 40 -- models
-- models
-- pull the thread
-- chat
-p models
-p 'doctor who'
--prompt complete -t 0
-- -5 degrees in Fahrenheit?
summarise this text in one line
summarize? no, explain
completely rewrite notes.txt
modelling clay is made of what
doctors say that
token ring networks
pulling teeth hurts
chats with cats
rm -rf / is dangerous because
give me 5 reasons
2 + 2
¿qué hora es?
为什么天空是蓝色的
почему небо голубое
- 
-f notes.txt
-f notes.txt 'what is this about?'
notes.txt
cats
a
I
what?
'quoth the raven'
git commit message please
fix: the bug
""".strip("\n").splitlines()

SUGGESTIONS = """
modles
model
modelz --json
tokns notes.txt
token report.pdf
pul
pulll
docter
doctor. notes.txt
chta
complet
compelte notes.txt
completion
summarise report.pdf
sumarize report.pdf notes.txt
--json models
--quiet doctor
--offline pull
""".strip("\n").splitlines()
SUGGESTIONS.remove("doctor. notes.txt")  # punctuation makes it a word of a sentence

COMMAND_LINES = {
    "models": "models",
    "models show smollm2-135m": "models",
    "models --json": "models",
    "tokens notes.txt": "tokens",
    "tokens --ids": "tokens",
    "pull": "pull",
    "pull qwen3-4b": "pull",
    "pull hf:Qwen/Qwen3-4B-GGUF:Q4_K_M": "pull",
    "doctor": "doctor",
    "chat -m smollm2-135m": "chat",
    "complete 'Once upon a time' -n 40": "complete",
    "complete": "complete",
    "completions bash": "completions",
}

# What begins with a command's name and was meant as a prompt: the command answers with the line that sends it.
SENTENCES = """
complete the sentence
complete this poem for me
complete my homework -t 0
pull the thread
pull up!
pull yourself together
pull request template
models of the atom
models show how the climate works
models verify this and that
models add value quickly
doctor who
doctor my eyes have seen the years
tokens of appreciation
tokens please!
tokens, what are they
chat about cats
chat with me
chat hello
completions of incomplete proofs
completions please help
""".strip("\n").splitlines()
SENTENCES.remove("tokens, what are they")  # "tokens," is no command's name


@pytest.mark.parametrize("line", PROMPTS)
def test_a_sentence_is_a_prompt(line: str) -> None:
    assert routed(line) == PROMPT


@pytest.mark.parametrize("line", SUGGESTIONS)
def test_a_mistyped_command_followed_by_flags_or_files_is_no_prompt(line: str) -> None:
    words = shlex.split(line)
    with pytest.raises(UsageError) as caught:
        route(words, [*COMMANDS, *LATER], FILES.__contains__)
    assert caught.value.why.startswith("did you mean quoth ")
    assert caught.value.try_ == as_prompt_hint(words)


@pytest.mark.parametrize(("line", "command"), COMMAND_LINES.items())
def test_a_command_is_run(line: str, command: str) -> None:
    assert routed(line) == command


def test_the_table_is_large_enough() -> None:
    assert len(PROMPTS) + len(SUGGESTIONS) + len(COMMAND_LINES) + len(SENTENCES) >= 60


@pytest.mark.parametrize("line", SENTENCES)
def test_operands_that_make_no_sense_are_answered_with_the_line_that_sends_them(
    line: str, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    outcome = run_here(*words, environ=environ)
    assert outcome.code in (2, 3, 5)
    assert outcome.out == ""
    assert outcome.err.startswith("quoth: error: ")
    assert outcome.err.endswith(f"{as_prompt_hint(words)}\n")
    assert outcome.err.count("\n") == 1


def test_a_mistyped_command_exits_2_with_both_lines(environ: dict[str, str]) -> None:
    outcome = run_here("modles", "--json", environ=environ)
    assert (outcome.out, outcome.code) == ("", 2)
    assert outcome.err == (
        "quoth: error: there is no command 'modles' (did you mean quoth models --json?). "
        "To send it as a prompt: quoth -p modles --json\n"
    )


VOCABULARY = """
the a of my cat thread atom sentence is are who what why please me, up! now? it's show add default verify rm
list pull models tokens chat doctor complete completions bash and with about -
"""
WORDS = st.sampled_from(VOCABULARY.split())


def has_word(rest: list[str]) -> bool:
    """Flags and dashes alone are no sentence."""
    return not all(word.startswith("-") for word in rest)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from([*COMMANDS]), rest=st.lists(WORDS, min_size=2, max_size=6).filter(has_word))
@example(command="models", rest=["verify", "verify"])
@example(command="models", rest=["show", "default"])
def test_no_sentence_of_three_words_silently_runs_a_command(
    command: str, rest: list[str], environ: dict[str, str]
) -> None:
    outcome = run_here(command, *rest, environ=environ)
    assert outcome.code in (2, 3, 5)
    assert outcome.out == ""
    if "-" not in rest and len(rest) > 2:
        assert "To send it as a prompt: quoth " in outcome.err


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12), st.lists(WORDS, min_size=2, max_size=6))
def test_three_words_that_begin_with_no_command_are_a_prompt(first: str, rest: list[str]) -> None:
    words = [first, *(word for word in rest if not word.startswith("-")), "cat"]
    name, passed = route(words, COMMANDS, lambda path: False)
    assert (name, passed) == ((first, words[1:]) if first in COMMANDS else (PROMPT, words))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["convert", "5", "miles", "to", "km"], "quoth -- convert 5 miles to km"),
        (["pull", "up!"], "quoth -- pull 'up!'"),
        (["pull", "it", "-t", "0"], "quoth -p 'pull it' -t 0"),
        (["pull", "-t", "0", "it"], "quoth -p pull -t 0 it"),
        (["chat", "--", "hello"], "quoth -- chat hello"),
        (["models", "$(reboot)"], "quoth -- models '$(reboot)'"),
    ],
)
def test_the_line_that_sends_words_as_a_prompt_is_one_a_shell_can_run(words: list[str], line: str) -> None:
    assert as_prompt_hint(words) == f"To send it as a prompt: {line}"
    sent = shlex.split(line)[1:]
    assert route(sent, COMMANDS, lambda path: True)[0] == PROMPT


@pytest.mark.parametrize(("word", "meant"), [("modls", "models"), ("chta", "chat"), ("hat", "chat"), ("cat", "chat")])
def test_the_nearest_command_is_found(word: str, meant: str) -> None:
    assert nearest(word, COMMANDS) == meant


@pytest.mark.parametrize("word", ["hello", "что", "what?", "3", "", "mo"])
def test_a_word_that_is_near_no_command_has_none(word: str) -> None:
    assert nearest(word, COMMANDS) is None


@given(st.text(max_size=8), st.text(max_size=8))
def test_distance_is_a_distance(a: str, b: str) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) <= max(len(a), len(b))


def test_names_of_models_and_files_and_flags_are_no_sentence() -> None:
    assert is_sentence(["the", "plug!"])
    assert is_sentence(["it's", "“complicated”"])
    for words in ([], ["--quiet"], ["hf:a/b"], ["a.txt"], ["show", "qwen3-4b"], ["-"]):
        assert not is_sentence(words)


@pytest.mark.parametrize(
    "line",
    [
        "models verify nope",
        "models show me",
        "pull nope",
        "tokens nope",
        "models --nope",
        "inspect",
        "ask -f nope why",
    ],
)
def test_a_name_that_does_not_exist_is_not_taken_for_a_prompt(line: str, environ: dict[str, str]) -> None:
    outcome = run_here(*shlex.split(line), environ=environ)
    assert outcome.code in (2, 3, 5)
    assert "as a prompt" not in outcome.err
