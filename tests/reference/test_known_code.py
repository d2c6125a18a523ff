"""The README's table from the code that people know to a command: each row gives the same text."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GPT2LMHeadModel, pipeline

from tests.conftest import Run

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "tests" / "converters" / "trained" / "shakespeare-gpt2"
PROMPT = "ROMEO:"

pytestmark = pytest.mark.timeout(300)


def rows() -> list[tuple[str, str]]:
    """Code and command of each row of the table."""
    readme = (ROOT / "README.md").read_text("utf-8")
    section = readme.split("### From code that you know\n")[1].split("\n#")[0]
    return [(code, command) for code, command in re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", section, re.MULTILINE)]


@pytest.fixture(scope="module")
def known() -> Callable[[str], str]:
    """What a row's code gives; "gpt2" stands for a small model that was trained for the tests."""
    model = GPT2LMHeadModel.from_pretrained(CHECKPOINT)
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    names: dict[str, Any] = {
        "model": model,
        "ids": tokenizer(PROMPT, return_tensors="pt").input_ids,
        "prompt": PROMPT,
        "generator": pipeline("text-generation", model=model, tokenizer=tokenizer),
    }

    def run(code: str) -> str:
        value = eval(code, names)  # the README's own line
        if isinstance(value, list):
            return str(value[0]["generated_text"])
        return str(tokenizer.decode(value[0], skip_special_tokens=True))

    return run


@pytest.mark.parametrize(("code", "command"), rows())
def test_a_row_gives_the_same_text(known: Callable[[str], str], quoth: Run, code: str, command: str) -> None:
    added = quoth("convert", str(CHECKPOINT), "--name", "gpt2", "--verify", "none", "--outtype", "f32")
    assert added.returncode == 0, added.stderr.decode()
    words = shlex.split(command.replace("$prompt", PROMPT))
    run = quoth(*words[1:])
    assert run.returncode == 0, run.stderr.decode()
    assert run.stdout.decode().rstrip("\n") == known(code).rstrip("\n")


def test_there_are_rows() -> None:
    assert len(rows()) >= 4
