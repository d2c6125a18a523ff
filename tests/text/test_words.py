"""The words of a text, as a question finds them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text.words import STOPWORDS, is_single, is_stopword, terms, weak_terms
from tests.rounds import rounds


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("packages", "Package"),
        ("installing", "installed"),
        ("Crème brûlée", "creme brulee"),
        ("STRASSE", "straße"),
        ("ＡＢＣ１２３", "abc123"),
        ("the maintainer’s", "the maintainer's"),
        ("don’t", "don't"),
        ("licences", "license"),
        ("organisation of colours", "organization of colors"),
        ("analysed behaviour", "analyzed behavior"),
        ("e\u0301tude", "\u00e9tude"),
        ("pre\u2011depends", "Pre-Depends"),
    ],
)
def test_the_same_word_is_the_same_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("... !?", []),
        ("dpkg-buildpackage 4.6.2", ["dpkg", "buildpackag", "4", "6", "2"]),
        ("snake_case x86", ["snake", "case", "x86"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("水 is 水", ["水", "is", "水"]),
        ("用Python写", ["用", "python", "写"]),
        ("한국어는", ["한국", "국어", "어는"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("संस्कृत", ["संस्कृत"]),
        ("Привет, мир", ["привет", "мир"]),
    ],
)
def test_words_are_cut_where_their_script_cuts_them(text: str, found: list[str]) -> None:
    assert terms(text) == found


def test_words_of_other_scripts_are_not_stemmed() -> None:
    assert terms("домами größeres") == ["домами", "grosser"]


def test_function_words_are_stopwords_in_the_form_terms_have() -> None:
    question = "What does the policy say about packages that aren't installed, and why doesn't it?"
    assert [t for t in terms(question) if not is_stopword(t)] == terms("policy packages installed")
    assert all(is_stopword(term) for word in STOPWORDS if word.isascii() for term in terms(word))


@pytest.mark.parametrize(
    ("question", "content"),
    [
        ("这个软件包的许可证是什么？", ["个软", "软件", "件包", "许可", "可证"]),
        ("政策はどうですか", ["政策", "策は"]),
    ],
)
def test_particles_and_question_words_of_unspaced_scripts_are_stopwords(question: str, content: list[str]) -> None:
    assert [term for term in terms(question) if not is_stopword(term)] == content


def test_words_that_questions_are_made_with_are_weak_in_any_form() -> None:
    assert set(terms("allowed uses putting possible")) <= weak_terms()
    assert weak_terms().isdisjoint(terms("package network licence"))
    assert not any(is_stopword(term) for term in weak_terms())


def test_a_single_character_is_told_from_a_pair() -> None:
    assert [is_single(term) for term in ("水", "한", "水道", "a", "1", "é", "मा")] == [True, True, *[False] * 5]


@given(st.text(max_size=200))
@settings(max_examples=rounds(500))
def test_terms_have_no_spaces_or_capitals(text: str) -> None:
    for term in terms(text):
        assert term
        assert not any(character.isspace() or character in "\"'*" for character in term)
        assert term == term.lower()
