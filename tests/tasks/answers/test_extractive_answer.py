"""The sentences that answer a question, verbatim, whole, and without what is no part of them."""

from __future__ import annotations

from contextlib import closing

import pytest

from quoth.documents.ranking import Ranking
from quoth.tasks.answers.extractive_answer import ExtractedQuote, best_stretches, quotes_of, trimmed
from tests.tasks.texts import collection


def found(question: str, *texts: str, size: int = 60) -> list[ExtractedQuote]:
    parts = collection(*texts, size=size, overlap=size // 6)
    with closing(Ranking(private=True)) as ranking:
        ranking.add(parts.titled_texts())
        ranked = [(one.number, one.score) for one in ranking.rank(question, 10)]
        return quotes_of(best_stretches(parts, question, ranked, ranking.weight))


FACTS = (
    "# The lighthouse\n\nThe keeper lives in the tower. The lamp was lit for the first time in 1871.\n\n"
    "# The harbour\n\nThe harbour has 13 berths for ships. Boats leave before dawn.\n"
)


def test_the_sentence_with_the_questions_words_comes_first() -> None:
    first, *_ = found("When was the lamp lit for the first time?", FACTS)
    assert "The lamp was lit for the first time in 1871." in first.text
    assert first.answers


def test_a_number_is_preferred_where_one_is_asked_for() -> None:
    text = "The harbour has berths for many ships.\n\n" + "The harbour has 13 berths for ships.\n\n" * 1
    first, *_ = found("How many berths does the harbour have?", text)
    assert "13" in first.text


def test_a_question_of_other_words_has_no_answer() -> None:
    assert not any(quote.answers for quote in found("Who composed the Goldberg variations?", FACTS))
    assert found("", FACTS) == []
    assert found("What is it?", "") == []


def test_quotes_stand_in_the_document_at_their_places() -> None:
    parts = collection(FACTS, size=60, overlap=10)
    for quote in found("How many berths does the harbour have for ships?", FACTS):
        text = parts.documents[quote.span.document].text[quote.span.start : quote.span.end]
        assert " ".join(text.split()) == quote.text


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("--------------------\nThe lamp was lit in 1871.", "The lamp was lit in 1871."),
        ("===\n\n* The lamp was lit in 1871.", "The lamp was lit in 1871."),
        ("* The lamp was lit.", "The lamp was lit."),
        ("[43] The lamp was lit.", "The lamp was lit."),
        ("b) The lamp was lit.", "The lamp was lit."),
        ("# The lamp was lit.", "The lamp was lit."),
        ("The lamp was lit. [1]", "The lamp was lit."),
        ("The lamp was lit.[2][3]", "The lamp was lit."),
        ("The lamp was lit.\n-----", "The lamp was lit."),
        (". The lamp was lit.", "The lamp was lit."),
        ("The [1] lamp - 3 * 4 - was lit (1871).", "The [1] lamp - 3 * 4 - was lit (1871)."),
        ("-----", "-----"),
        ("* ", "* "),
    ],
)
def test_a_quote_begins_and_ends_cleanly(text: str, inner: str) -> None:
    before = "Before. "
    start, end = trimmed(before + text, len(before), len(before) + len(text))
    assert (before + text)[start:end] == inner


def test_no_quote_begins_inside_a_sentence_of_the_passage_before() -> None:
    long = " ".join(f"clause {n} of the keeper," for n in range(40))
    text = f"The keeper said that {long} and then the lamp was lit. It burned. The lamp was lit for the ships in 1871."
    for quote in found("When was the lamp lit for the ships?", text, size=60):
        assert quote.text[0].isupper()
