"""The sentences an answer rests on are found by what it says that the question does not."""

from __future__ import annotations

import pytest

from quoth.tasks.answers.answer_source import answer_source
from quoth.tasks.collection import Collection
from tests.tasks.texts import collection

TEXT = (
    "The mill of Orrin was built in 1764 by two brothers. It ground barley until the flood of 1851.\n\n"
    "After the flood a widow, Ada Finch, bought the mill. She put in a turbine that lit forty houses."
)


def cited(answer: str, question: str, parts: Collection | None = None) -> list[str]:
    parts = parts or collection(TEXT, size=200)
    return [stretch.text for stretch in answer_source(parts, range(len(parts)), question, answer)]


@pytest.mark.parametrize(
    ("question", "answer", "source"),
    [
        ("Who bought the mill?", "Ada Finch bought the mill.", "After the flood a widow, Ada Finch, bought the mill."),
        ("When was it built?", "In 1764.", "The mill of Orrin was built in 1764 by two brothers."),
        ("What did the turbine do?", "It lit forty houses.", "She put in a turbine that lit forty houses."),
    ],
)
def test_the_sentence_with_the_new_words_is_found(question: str, answer: str, source: str) -> None:
    assert cited(answer, question) == [source]


def test_what_stands_in_two_places_is_cited_twice_and_neighbours_once() -> None:
    answer = "Two brothers built it and it ground barley until the flood."
    assert cited(answer, "What is known of the mill?") == [
        "The mill of Orrin was built in 1764 by two brothers. It ground barley until the flood of 1851."
    ]
    answer = "Two brothers built it, and a turbine lit forty houses."
    assert len(cited(answer, "What is known of the mill?")) == 2


def test_an_answer_that_shares_nothing_has_no_source() -> None:
    assert cited("Sunflowers.", "What grows there?") == []
    assert cited("", "What grows there?") == []


def test_a_heading_alone_is_cited_with_what_follows_it() -> None:
    parts = collection("# Fees\n\nMembers pay nine crowns.\n\n# Opening\n\nEvery day but Monday.\n", size=200)
    [text] = cited("The fees.", "What is the first chapter about?", parts)
    assert text.endswith("Fees Members pay nine crowns.")


def test_of_chinese_lines_that_were_broken_anywhere_the_quote_is_whole() -> None:
    parts = collection("这家茶馆建于1912年,位于河边的\n老街上。二楼有十二张桌子。", size=200)
    assert cited("位于河边的老街上。", "茶馆在哪里?", parts) == ["这家茶馆建于1912年,位于河边的老街上。"]
