"""The measured questions are well formed, as many as they must be, and their check finds what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest

from tests.bench import corpus, questions
from tests.bench.questions import Absent, Question, Squeezed

ANSWERED, ABSENT = questions.load()
HELD_OUT, HELD_OUT_ABSENT = questions.load(held_out=True)
CROSS_LANGUAGE = questions.cross_language()
BOTH, ALL_ABSENT = questions.both()
ALL = BOTH + CROSS_LANGUAGE
CHINESE = {document.name for document in corpus.DOCUMENTS if document.language == "zh"}
REFUSALS = (
    "Not in the documents.",
    "not in the document",
    "文档中没有。",
    "Das steht nicht im Dokument.",
    "Ce n'est pas dans le document.",
    "none",
    "I don't know.",
)
SAMPLE = Question("s", "d", "How many?", "Seven", r"\b(seven|7)\b", "there are\nseven of them", (), ((2, 3),))
TEXT = "A beginning.\nHere it stands: there are\nseven of them.\nThe end, far away from it all.\n"


def test_there_are_enough_questions_of_enough_kinds() -> None:
    assert len(ANSWERED) >= 200
    assert len({row.document for row in ANSWERED}) >= 14
    by_language = Counter(corpus.BY_NAME[row.document].language for row in ANSWERED)
    assert set(by_language) == {"en", "zh", "de", "fr"}
    assert min(by_language.values()) >= 18


def test_a_third_of_the_questions_is_absent_and_most_of_these_are_near() -> None:
    assert len(ABSENT) * 3 >= len(ANSWERED) + len(ABSENT)
    near = Counter(row.document for row in ABSENT if row.near)
    assert sum(near.values()) >= 90
    assert all(near[document] >= 5 for document in {row.document for row in ANSWERED})
    assert {row.near for row in ABSENT} == {True, False}


def test_some_questions_are_asked_in_another_language_than_the_documents() -> None:
    assert len(CROSS_LANGUAGE) >= 20
    assert all(row.id.startswith("cross-") for row in CROSS_LANGUAGE)
    assert {corpus.BY_NAME[row.document].language for row in CROSS_LANGUAGE} == {"en", "zh", "de", "fr"}
    assert not any(re.search("[一-鿿]", row.question) for row in CROSS_LANGUAGE if row.document in CHINESE)


def test_enough_questions_are_held_out() -> None:
    assert len(HELD_OUT) >= 90
    assert len({row.document for row in HELD_OUT}) >= 14
    assert sum(row.document in CHINESE for row in HELD_OUT) >= 12
    assert len(HELD_OUT_ABSENT) >= 40
    assert sum(row.document in CHINESE for row in HELD_OUT_ABSENT) >= 4
    assert {row.near for row in HELD_OUT_ABSENT} == {True, False}
    for language in ("de", "fr"):
        names = {document.name for document in corpus.DOCUMENTS if document.language == language}
        assert sum(row.document in names for row in HELD_OUT) >= 8
        assert sum(row.document in names for row in HELD_OUT_ABSENT) >= 4


def test_what_is_held_out_is_loaded_only_when_asked_for() -> None:
    assert set(HELD_OUT).isdisjoint(ANSWERED)
    assert all(row.id.startswith("h-") for row in HELD_OUT)
    assert all(row.id.startswith("h-") for row in HELD_OUT_ABSENT)
    assert not any(row.id.startswith("h-") for row in ANSWERED)
    assert not any(row.id.startswith("h-") for row in ABSENT)


def test_no_question_is_asked_in_both_sets() -> None:
    asked = [(row.document, row.question) for row in ALL] + [(row.document, row.question) for row in ALL_ABSENT]
    assert len(asked) == len(set(asked))


def test_the_documents_are_of_different_kinds() -> None:
    kinds = {corpus.BY_NAME[row.document].kind.partition(":")[0] for row in ANSWERED}
    assert {"text", "PDF", "HTML", "manual page", "source code"} <= kinds


def test_every_identifier_is_given_once() -> None:
    ids = [row.id for row in ALL] + [row.id for row in ALL_ABSENT]
    assert len(ids) == len(set(ids))


def test_every_file_of_questions_belongs_to_a_document() -> None:
    for folder, answered, absent in (
        (questions.FOLDER, ANSWERED, ABSENT),
        (questions.HELD_OUT, HELD_OUT, HELD_OUT_ABSENT),
    ):
        files = [path for path in folder.iterdir() if path.is_file() and path != questions.CROSS_LANGUAGE]
        names = {path.name.removesuffix(".toml") for path in files}
        assert names == {row.document for row in answered} == {row.document for row in absent}
        assert names <= set(corpus.BY_NAME)


def test_every_document_has_a_whole_hash() -> None:
    assert all(re.fullmatch("[0-9a-f]{64}", document.sha256) for document in corpus.DOCUMENTS)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_a_pattern_takes_the_answer_and_neither_the_question_nor_a_refusal(row: Question) -> None:
    assert row.right(row.answer)
    assert not row.right(row.question)
    assert not any(row.right(refusal) for refusal in REFUSALS)


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_a_pattern_takes_hardly_any_answer_to_another_question(row: Question) -> None:
    taken = [other.id for other in ALL if other.id != row.id and row.right(other.answer)]
    assert len(taken) <= len(ALL) // 20, taken


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_every_quote_has_its_place(row: Question) -> None:
    assert len(row.places) == 1 + len(row.also)
    assert all(1 <= first <= last for first, last in row.places)
    assert row.held_by(f"before {row.quote} behind")


@pytest.mark.parametrize("row", ALL_ABSENT, ids=lambda row: row.id)
def test_the_terms_of_an_absent_answer_are_patterns(row: Absent) -> None:
    assert row.terms
    assert not any(re.search(term, "") for term in row.terms)


def test_an_answer_may_break_its_lines_anywhere() -> None:
    assert replace(SAMPLE, pattern="seven of them").right("They are seven\nof them")
    assert replace(SAMPLE, pattern="比纸差").right("耐热性比\n  纸差")


def test_a_citation_stands_where_it_overlaps_a_place() -> None:
    assert SAMPLE.stands_at(3, 9)
    assert not SAMPLE.stands_at(4, 9)


def _faults(row: Question, text: str = TEXT) -> list[str]:
    def lines(start: int, end: int) -> tuple[int, int]:
        return text.count("\n", 0, start) + 1, text.count("\n", 0, end) + 1

    return questions.faults(row, Squeezed(text), lines, lambda start, end: text[start:end])


def test_a_question_whose_quote_stands_at_its_place_has_no_fault() -> None:
    assert _faults(SAMPLE) == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (replace(SAMPLE, quote="there are eight of them"), "not in the document: there are eight of them"),
        (replace(SAMPLE, also=("nowhere",), places=((2, 3), (4, 4))), "not in the document: nowhere"),
        (replace(SAMPLE, places=((4, 4),)), "stands at (2, 3), not (4, 4)"),
        (replace(SAMPLE, pattern="far away"), "the pattern is not near the quote: far away"),
    ],
)
def test_the_check_says_what_is_wrong(row: Question, fault: str) -> None:
    assert fault in _faults(row)


def test_a_document_that_moved_on_is_refused_with_its_new_hash() -> None:
    row = replace(corpus.DOCUMENTS[0], name="no-such-document", sha256="0" * 64)
    with pytest.raises(corpus.NotFetched, match="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"):
        corpus.keep(row, {"empty": b""})
    assert not (corpus.FOLDER / row.name).exists()
