"""The chat line by line, on a terminal without a cursor and with the real model."""

from __future__ import annotations

import sys

import pytest

from tests.cli.commands import run_here
from tests.cli.dialogue import CTRL_C, CTRL_D, Dialogue

pytestmark = pytest.mark.usefixtures("installed")
QUOTH = [sys.executable, "-m", "quoth"]


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """A terminal that can show no app."""
    return {**environ, "TERM": "dumb"}


def test_two_questions_are_answered_and_the_second_knows_the_first(environ: dict[str, str]) -> None:
    with Dialogue([*QUOTH, "-t", "0", "-n", "24"], environ) as chat:
        chat.expect("> ")
        chat.send("My cat is called Mimi.\n")
        assert chat.expect("\r\n> ").strip("\r\n> ").removeprefix("My cat is called Mimi.").strip()
        chat.send("\n")  # an empty line is no question
        chat.expect("> ")
        chat.send("What is my cat called?\n")
        assert "Mimi" in chat.expect("\r\n> ").removeprefix("What is my cat called?")
        chat.send(CTRL_D)
        rest, code = chat.end()
    assert (rest, code) == ("\r\n", 0)
    assert "\x1b" not in chat.seen


def test_ctrl_c_stops_an_answer_and_the_chat_goes_on(environ: dict[str, str]) -> None:
    with Dialogue([*QUOTH, "chat", "-t", "0"], environ) as chat:
        chat.expect("> ")
        chat.send("Write the numbers from one to one thousand in words, one each line.\n")
        chat.expect("\r\n")
        chat.expect("\n")  # the first line of the answer
        chat.send(CTRL_C)
        chat.expect("\n> ", 5)
        chat.send("Say hello.\n")
        chat.expect("Say hello.\r\n")
        assert chat.expect("\r\n> ").strip("\r\n> ")
        chat.send(CTRL_C)  # with no answer to stop it leaves
        rest, code = chat.end()
    assert (rest, code) == ("^C\r\n", 130)


def test_a_question_that_does_not_fit_is_refused_and_the_chat_goes_on(environ: dict[str, str]) -> None:
    with Dialogue([*QUOTH, "chat", "--ctx", "256", "-n", "2", "-t", "0"], environ) as chat:
        chat.expect("> ")
        for _ in range(4):  # a terminal takes lines of up to 4,095 bytes
            chat.send("word " * 400 + "\n")
            chat.expect("quoth: error: the prompt has")
            chat.expect("> ")
        chat.send("Say hello.\n")
        chat.expect("Say hello.\r\n")
        assert chat.expect("\r\n> ").strip("\r\n> ")
        chat.send(CTRL_D)
        assert chat.end()[1] == 0


def test_a_chat_needs_a_terminal(environ: dict[str, str]) -> None:
    outcome = run_here("chat", environ=environ)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("quoth: error: a chat needs a terminal (standard input is not a terminal). ")


def test_a_prompt_is_typed_where_a_dash_asks_for_it(environ: dict[str, str]) -> None:
    with Dialogue([*QUOTH, "-", "-n", "3", "-t", "0"], environ) as typing:
        typing.expect("quoth: reading from the terminal; Ctrl-D on an empty line ends the input\r\n")
        typing.send("Say hello.\n" + CTRL_D)
        typing.expect("Say hello.\r\n")
        rest, code = typing.end()
    assert code == 0
    assert rest.strip()
    assert rest.endswith("\r\n")
