"""The sentences that an answer rests on: found by its words, and shown as they stand in the document."""

from __future__ import annotations

import pytest

from quoth.tasks.answers.answer_source import SourceStretch, answer_source
from quoth.tasks.collection import Collection
from tests.tasks.texts import collection, harbours

LAMP = (
    "The keeper lives in the tower with a dog. The lamp was lit for the first time in 1871. "
    "It burned oil at that time. A storm broke its glass in 1902."
)


def found(question: str, answer: str, *texts: str, size: int = 60) -> tuple[Collection, list[SourceStretch]]:
    parts = collection(*texts, size=size)
    return parts, answer_source(parts, range(len(parts)), question, answer)


def said(question: str, answer: str, *texts: str) -> list[str]:
    return [stretch.text for stretch in found(question, answer, *texts)[1]]


def test_the_sentence_with_what_the_answer_adds_to_the_question_is_found() -> None:
    assert said("When was the lamp lit?", "In 1871.", LAMP) == ["The lamp was lit for the first time in 1871."]
    assert said("What happened in 1902?", "A storm broke the glass.", LAMP) == ["A storm broke its glass in 1902."]


def test_of_sentences_with_the_same_word_the_one_that_is_asked_about_is_found() -> None:
    text = "The bridge was built in 1871. The lamp was lit in 1871. The road was paved in 1871."
    assert said("When was the lamp lit?", "It was in 1871.", text) == ["The lamp was lit in 1871."]


def test_of_equal_sentences_that_of_the_best_passage_is_found() -> None:
    parts = collection("The lamp was lit in 1871.", "The lamp was lit in 1871.")
    for ranked in ((0, 1), (1, 0)):
        [stretch] = answer_source(parts, ranked, "When was the lamp lit?", "In 1871.")
        assert stretch.part == ranked[0]


def test_an_answer_of_the_questions_words_rests_on_the_sentence_that_has_them() -> None:
    assert said("Was the lamp lit, or the glass broken?", "The lamp was lit.", LAMP)[0].startswith("The lamp was lit")


@pytest.mark.parametrize("answer", ["", "?!", "The of and.", "Xylophones."])
def test_an_answer_that_shares_no_word_rests_on_nothing(answer: str) -> None:
    assert said("When was it?", answer, LAMP) == []


def test_two_sentences_apart_are_two_stretches_and_neighbours_are_one() -> None:
    question, answer = "What happened?", "The keeper lives in the tower; a storm broke the glass."
    assert said(question, answer, LAMP) == [
        "The keeper lives in the tower with a dog.",
        "A storm broke its glass in 1902.",
    ]
    answer = "The lamp burned oil, and was lit for the first time in 1871."
    [joined] = said(question, answer, LAMP)
    assert joined == "The lamp was lit for the first time in 1871. It burned oil at that time."


def test_a_second_sentence_needs_more_than_one_more_word() -> None:
    assert said("When was the lamp lit?", "In 1871 with glass.", LAMP) == [
        "The lamp was lit for the first time in 1871."
    ]


def test_what_follows_a_label_belongs_to_it() -> None:
    text = "Opening hours:\n\nFrom nine to five on all days but Sunday.\n\nThe entrance is free for children."
    [first, *_] = said("What is it?", "The opening hours.", text)
    assert first == "Opening hours: From nine to five on all days but Sunday."


def test_stretches_stand_in_the_document_and_have_what_stands_around_them() -> None:
    parts, stretches = found(
        "When was the harbour of Corley opened?", "In 1802,\nwith 13 berths.", harbours(8).replace(" ", "  ")
    )
    assert stretches
    for stretch in stretches:
        text = parts.documents[stretch.span.document].text[stretch.span.start : stretch.span.end]
        assert " ".join(text.split()) == stretch.text
        assert stretch.text in stretch.context
        assert 0 < stretch.share <= 1
    _, [stretch] = found("When was the lamp lit?", "In 1871.", LAMP)
    assert stretch.context.startswith("The keeper lives")
    assert stretch.context.endswith("at that time.")


def test_marks_of_a_list_are_no_part_of_a_quote() -> None:
    text = "Facts:\n\n* The lamp was lit for the first time in 1871.\n* A storm broke its glass in 1902.\n"
    assert said("When was the lamp lit?", "In 1871.", text) == ["The lamp was lit for the first time in 1871."]
