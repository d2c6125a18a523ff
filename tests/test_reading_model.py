"""What a model that is trusted to read does with documents: the smallest one of the catalogue that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quoth.models.installed import InstalledModels
from tests.bench import corpus
from tests.conftest import Run
from tests.real_model import catalogue_model
from tests.test_real_model import chinese

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

GARDEN = """\
The garden society was founded in 1921 by Ottilie Brandvogel.

Members pay a fee of 48 euros a year. Students pay half of it.

The shed is opened at eight in the morning by the warden, who keeps the key. Lost keys cost fifteen euros.

Dogs must be kept on a lead, and bicycles are left at the gate.
"""
COOPERATIVE = """\
The cooperative was founded in 1953 by forty fishermen.
Its first harbour master was Ada Lindqvist.
The annual fee is 120 crowns, payable in March.
"""
LIBRARY = """\
图书馆每周一闭馆，其余时间上午九点开门。
借书证的押金是五十元，退证时全额退还。
每人一次最多可以借六本书，期限三十天。
"""


@pytest.fixture
def reading(home: Path) -> None:
    """A home whose default model reads passages."""
    store, path = InstalledModels(home / "data" / "models"), catalogue_model("qwen2.5-coder-1.5b")
    store.add(path, "reader", origin="file")
    store.trust(path)


def ask(quoth: Run, path: Path, question: str, code: int = 0) -> dict[str, Any]:
    done = quoth("ask", "--json", "-f", str(path), question, timeout=300)
    assert done.returncode == code, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("text", "question", "answer", "line"),
    [
        (GARDEN, "Who founded the society?", "Ottilie Brandvogel", 1),
        (GARDEN, "When is the shed opened?", "eight", 5),
        (COOPERATIVE, "How much is the annual fee?", "120 crowns", 3),
        (LIBRARY, "每人一次最多可以借几本书？", "六本", 3),
    ],
)
@pytest.mark.usefixtures("reading")
def test_a_right_answer_is_given_with_its_line(
    quoth: Run, tmp_path: Path, text: str, question: str, answer: str, line: int
) -> None:
    (tmp_path / "text.txt").write_text(text)
    found = ask(quoth, tmp_path / "text.txt", question)
    assert answer in found["answer"]
    assert found["citations"][0]["start_line"] == line
    assert answer in " ".join(each["quote"] for each in found["citations"])
    assert found["odds"] > 0


@pytest.mark.parametrize("question", ["How many members does the society have?", "Who is the warden's wife?"])
@pytest.mark.usefixtures("reading")
def test_what_is_nearly_there_is_not_in_the_documents(quoth: Run, tmp_path: Path, question: str) -> None:
    (tmp_path / "garden.txt").write_text(GARDEN)
    found = ask(quoth, tmp_path / "garden.txt", question, code=8)
    assert found["answer"] == "not in the documents"
    assert found["citations"] == []


@pytest.mark.usefixtures("reading")
def test_a_long_document_is_answered_from_a_passage_and_the_quote_comes_first(quoth: Run) -> None:
    policy = corpus.path("policy.txt")
    question = "How many characters long must a package name be at least?"
    done = quoth("ask", "--jsonl", "-f", str(policy), question, timeout=300)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "quotesfound"
    assert "at least two characters long" in events[0]["citations"][0]["quote"]
    assert events[-1]["event"] == "answered"
    assert "two characters" in events[-1]["answer"]
    assert events[-1]["usage"]["prompt_tokens"] - events[-1]["usage"]["reused_tokens"] < 1500


@pytest.mark.usefixtures("reading")
def test_a_question_in_another_language_is_answered_in_it(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "garden.txt").write_text(GARDEN * 3)
    found = ask(quoth, tmp_path / "garden.txt", "这个花园协会是由谁创立的？")
    assert chinese(found["answer"]) > 0.3
    assert "Ottilie Brandvogel" in found["citations"][0]["quote"]
