"""Whether a sentence is supported: by its words, and by its names and numbers without exception."""

from __future__ import annotations

import pytest

from quoth.tasks.support import SourceText, support, supporting_sources

TEXT = (
    "Ian Murdock founded Debian in August 1993 and led it until March 1996. The archive of the project has 59,000 "
    "packages, and Bruce Perens, who followed him, worked at Pixar."
)
SOURCE = SourceText.of(TEXT)


@pytest.mark.parametrize(
    "sentence",
    [
        "Ian Murdock founded Debian in 1993.",
        "Debian was founded by Ian Murdock in August 1993, and he led the project until 1996.",
        "The archive has 59000 packages.",
        "Bruce Perens followed, and worked at Pixar.",
        "In Debian's archive packages are held.",
    ],
)
def test_what_the_text_says_is_supported(sentence: str) -> None:
    assert support(sentence, SOURCE) >= 0.6


@pytest.mark.parametrize(
    "sentence",
    [
        "Ian Murdock founded Debian in 1994.",
        "The archive has 59,001 packages.",
        "The project was founded by Linus Torvalds.",
        "Debian was founded in Berlin in 1993.",
        "Whales feed their calves with milk.",
        "",
        "...",
    ],
)
def test_an_invented_name_or_number_and_other_words_are_not(sentence: str) -> None:
    assert support(sentence, SOURCE) < 0.45


def test_support_is_the_share_of_content_words() -> None:
    assert support("founded archive whales milk", SOURCE) == pytest.approx(0.5)


def test_chinese_is_held_against_chinese() -> None:
    source = SourceText.of("内核维护系统主机名。在启动的时候设置系统的主机名。")
    assert support("内核维护主机名。", source) >= 0.6
    assert support("鲸鱼生活在海洋中。", source) < 0.3


def test_a_sentence_rests_on_the_sources_that_have_its_words_the_strongest_first() -> None:
    sources = [
        (7, SourceText.of("Whales eat krill.")),
        (8, SourceText.of("Bees make honey from nectar.")),
        (9, SourceText.of("Ice.")),
    ]
    assert supporting_sources("Bees make honey of nectar; krill is what whales eat", sources) == [8, 7]
    assert supporting_sources("Nothing of this.", sources) == []
    assert supporting_sources("Bees make honey while whales eat", sources, most=1) == [8]
