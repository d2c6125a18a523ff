"""What a model that is trusted to read does with documents: the smallest one of the catalogue that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quoth.models.installed import InstalledModels
from tests.bench import corpus
from tests.conftest import Run
from tests.documents import files
from tests.real_model import catalogue_model
from tests.tasks.texts import COOPERATIVE, GARDEN, GATE, LIBRARY, PACKETS
from tests.test_real_model import chinese

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

CHECKED = "The figures were checked by the auditor, who found nothing to complain about."


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
        (PACKETS, "What is the default TTL?", "64", 1),
        (GATE, "What is the code of the gate?", "4417", 1),
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


@pytest.mark.usefixtures("reading")
def test_a_number_is_cited_from_the_page_that_has_it(quoth: Run, tmp_path: Path) -> None:
    pages = [(f"Total of quarter {n}: {n}000 euros", CHECKED, f"Signed on {n} April") for n in (1, 2)]
    (tmp_path / "two.pdf").write_bytes(files.pdf(pages))
    found = ask(quoth, tmp_path / "two.pdf", "What is the total of quarter 2?")
    assert "2000 euros" in found["answer"]
    first = found["citations"][0]
    assert "2000 euros" in first["quote"]
    assert first.get("end_page", first["page"]) == 2


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
