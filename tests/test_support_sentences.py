"""The labelled summary sentences are well formed, and as many of each kind as they must be."""

from __future__ import annotations

from collections import Counter

import pytest

from quoth import documents
from tests.bench import corpus
from tests.bench.questions import LIMIT, squeezed
from tests.bench.support_sentences import RIGHT_KINDS, WRONG_KINDS, Sentence, Source, load

DEVELOPMENT, HELD_OUT = load(), load(held_out=True)
SETS = pytest.mark.parametrize(
    ("sources", "count"), [(DEVELOPMENT, 80), (HELD_OUT, 120)], ids=["development", "held out"]
)


def labelled(sources: tuple[Source, ...]) -> list[tuple[Source, Sentence]]:
    """Every sentence that says something."""
    return [(source, sentence) for source in sources for sentence in source.sentences if not sentence.nothing]


@SETS
def test_half_of_a_set_is_right_and_two_fifths_of_each_half_are_chinese(
    sources: tuple[Source, ...], count: int
) -> None:
    counted = Counter((sentence.right, sentence.language) for _, sentence in labelled(sources))
    expected = {(right, language): share for right in (True, False) for language, share in (("en", 0.3), ("zh", 0.2))}
    assert counted == {key: round(share * count) for key, share in expected.items()}


@SETS
def test_a_third_was_written_by_models(sources: tuple[Source, ...], count: int) -> None:
    assert sum(bool(sentence.model) for _, sentence in labelled(sources)) * 3 >= count


@SETS
def test_some_sentences_are_in_another_language_than_their_source(sources: tuple[Source, ...], count: int) -> None:
    crossed = [sentence for source, sentence in labelled(sources) if sentence.language != source.language]
    assert len(crossed) >= 0.1 * count
    assert {(sentence.language, sentence.right) for sentence in crossed} == {
        ("en", True),
        ("en", False),
        ("zh", True),
        ("zh", False),
    }


@SETS
def test_every_kind_is_there(sources: tuple[Source, ...], count: int) -> None:
    kinds = {(sentence.right, sentence.kind) for _, sentence in labelled(sources)}
    assert kinds == {(True, kind) for kind in RIGHT_KINDS} | {(False, kind) for kind in WRONG_KINDS}


def test_ten_more_sentences_say_nothing() -> None:
    assert sum(sentence.nothing for source in DEVELOPMENT + HELD_OUT for sentence in source.sentences) == 10


def test_every_label_has_a_reason_and_a_writer() -> None:
    for source in DEVELOPMENT + HELD_OUT:
        for sentence in source.sentences:
            assert sentence.text
            assert sentence.why
            assert sentence.model in ("", "0.5B", "1.5B")


def test_no_sentence_and_no_source_is_given_twice() -> None:
    sources = DEVELOPMENT + HELD_OUT
    for given in (
        [source.id for source in sources],
        [squeezed(source.text) for source in sources],
        [sentence.text for source in sources for sentence in source.sentences],
    ):
        assert len(given) == len(set(given))


@pytest.mark.parametrize("source", DEVELOPMENT + HELD_OUT, ids=lambda source: source.id)
def test_a_source_has_the_length_of_a_passage(source: Source) -> None:
    if source.language == "zh":
        assert 150 <= len(source.text) <= 800
    else:
        assert 60 <= len(source.text.split()) <= 400


@pytest.mark.parametrize("source", DEVELOPMENT + HELD_OUT, ids=lambda source: source.id)
def test_a_source_is_in_its_document_word_for_word(source: Source) -> None:
    if not source.document:
        return
    path = corpus.FOLDER / source.document
    if not path.exists():
        pytest.skip("the document is not in the cache; python -m tests.bench.questions fetches it")
    assert squeezed(source.text) in squeezed(str(documents.read(str(path), limit=LIMIT).text))
