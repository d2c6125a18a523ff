"""The passages a question is about come first."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.documents.ranking import Ranking
from quoth.errors import StorageError
from quoth.text.words import is_single, is_stopword, terms
from tests.rounds import rounds

MANUAL = [
    "Log files must be rotated. The rotation is configured in a directory.",
    "A package must not access the network while it is being built.",
    "Setuid programs are installed with mode 4755 and belong to root.",
    "Game scores are kept below /var/games, which belongs to root.",
    "Every package has a maintainer with an address for mail.",
    "今天天气很好，我们去公园散步。喝水很重要。",
    "水是生命之源。猫和狗都要喝。",
]


@contextmanager
def ranking(texts: list[str]) -> Iterator[Ranking]:
    with closing(Ranking(private=True)) as found:
        found.add(texts)
        yield found


def numbers(question: str, texts: list[str] = MANUAL) -> list[int]:
    with ranking(texts) as index:
        return [passage.number for passage in index.rank(question, 10)]


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("How do I rotate a log file?", 0),
        ("May packages use networks?", 1),
        ("What MODE do setuid programs have?", 2),
        ("Who does the directory of games belong to?", 3),
        ("maintainers", 4),
        ("公园在哪里？", 5),
        ("生命", 6),
    ],
)
def test_the_passage_a_question_is_about_is_first(question: str, first: int) -> None:
    assert numbers(question)[0] == first


def test_passages_that_share_nothing_with_the_question_are_not_there() -> None:
    assert numbers("network") == [1]
    assert numbers("submarine") == []
    assert numbers("") == []
    assert numbers("?!") == []


def test_a_question_of_function_words_finds_them() -> None:
    assert numbers("to be or not to be", ["to be", "something"]) == [0]


def test_one_character_of_an_unspaced_script_is_found() -> None:
    assert set(numbers("水")) == {5, 6}


def test_rare_words_count_for_more_than_frequent_ones() -> None:
    texts = ["the common word"] * 8 + ["a rare thing", "common common common"]
    assert numbers("common rare", texts)[0] == 8


def test_words_that_questions_are_made_with_count_for_less() -> None:
    texts = ["you may use it", "the socket is there", "nothing at all", "and nothing here"]
    assert numbers("Which socket should I use?", texts) == [1, 0]


def test_a_passage_between_good_ones_is_better_than_a_lonely_one() -> None:
    texts = ["cat", "nothing", "cat dog dog", "cat", "cat dog dog"]
    assert numbers("cat", texts).index(3) < numbers("cat", texts).index(0)


def test_no_more_passages_than_asked_for() -> None:
    texts = ["cat"] * 30
    with ranking(texts) as index:
        assert len(index.rank("cat", 7)) == 7
        assert len(index.rank("cat", 99)) == 30


def test_the_weight_of_a_term_is_its_inverse_document_frequency() -> None:
    with ranking(["cat", "cat dog", "dog bird", "cat"]) as index:
        assert index.weight("cat") == pytest.approx(math.log(1 + 1.5 / 3.5))
        assert index.weight("bird") == pytest.approx(math.log(1 + 3.5 / 1.5))
        assert index.weight("fish") == 0.0


def test_passages_may_come_in_parts() -> None:
    with closing(Ranking()) as index:
        index.add(MANUAL[:2])
        index.add(MANUAL[2:])
        assert index.rank("game scores", 1)[0].number == 3


def test_a_question_of_a_whole_page_is_asked_by_its_rarest_terms() -> None:
    page = " ".join(f"word{n}" for n in range(500))
    with ranking([page, f"{page} needle", page, "nothing"]) as index:
        found = index.rank(f"{page} needle", 5)
    assert found[0].number == 1
    assert found[0].score > found[1].score


@given(st.lists(st.text("abc 水猫\"*'(", max_size=12), max_size=8), st.text("abc 水猫\"*'(:-^", max_size=12))
@settings(max_examples=rounds(200))
def test_the_passages_with_a_term_of_the_question_are_found_and_no_others(texts: list[str], question: str) -> None:
    asked = {term for term in terms(question) if not is_stopword(term)} or set(terms(question))
    with ranking(texts) as index:
        found = {passage.number for passage in index.rank(question, 99)}
        assert all(index.weight(term) > 0 for text in texts for term in terms(text))
    singles = tuple(term for term in asked if is_single(term))  # begin pairs too
    with_terms = [
        number
        for number, text in enumerate(texts)
        if asked & set(terms(text)) or any(term.startswith(singles) for term in terms(text))
    ]
    assert found == set(with_terms)


def test_a_closed_index_is_gone() -> None:
    with ranking(["cat"]) as index:
        pass
    with pytest.raises(StorageError, match="cannot be ranked"):
        index.rank("cat", 1)


def test_a_full_disk_is_a_sentence() -> None:
    with closing(Ranking(private=True)) as index:
        index._connection.execute("PRAGMA max_page_count = 12")
        with pytest.raises(StorageError, match="full") as raised:
            index.add(f"word{n} " * 50 for n in range(20_000))
    assert isinstance(raised.value.__cause__, sqlite3.Error)
