"""Whether a sentence is supported: by its words, and by its names and numbers without exception."""

from __future__ import annotations

import pytest

from quoth.tasks.support import SourceText, copied, invents, lines_of, names, repeats, support, supporting_sources

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


def test_names_end_where_a_script_does() -> None:
    source = SourceText.of("Debian 管理员手册由 Raphaël Hertzog 编写。安装 apt 需要三分钟。")
    assert names("Debian管理员手册和Hertzog有关。") == ["Debian", "Hertzog"]
    assert not invents("Debian管理员手册由Hertzog编写，安装apt需要3分钟。", source)
    assert invents("Ubuntu管理员手册由Hertzog编写。", source)
    assert invents("安装apt需要4分钟。", source)


def test_what_a_text_counts_in_words_may_be_said_in_digits() -> None:
    assert not invents("It took 3 years.", SourceText.of("It took three years."))
    assert invents("It took 4 years.", SourceText.of("It took three years."))
    assert not invents("它于1993年8月成立。", SourceText.of("It was founded in August 1993."))


def test_names_may_be_abbreviated_and_lose_their_underscores() -> None:
    source = SourceText.of("The Free Software Foundation sets tcp_keepalive_time to 7200.")
    assert not invents("Today the FSF sets TCPKeepaliveTime.", source)
    assert invents("Today the FSB sets it.", source)


def test_german_nouns_are_no_names() -> None:
    source = SourceText.of(
        "Der Rat hat die Brücke gesperrt, weil sie für den Verkehr nicht sicher war. Moira Platt war da."
    )
    assert not invents("Die Sperrung wurde beschlossen und Moira Platt war dabei.", source)
    assert invents("Die Sperrung wurde von Roderick Blenkinsop beschlossen.", source)


def test_items_lose_their_marks_however_they_are_written() -> None:
    assert lines_of("1. One.\n2.二。\n- 3) Three.\n1994 was a year.\n\n1.5 metres.") == [
        "One.",
        "二。",
        "Three.",
        "1994 was a year.",
        "1.5 metres.",
    ]


def test_a_copy_stands_in_the_text_as_one_stretch() -> None:
    assert copied("Ian Murdock founded Debian in August 1993.", TEXT) == 1.0
    assert copied("Bruce Perens led Debian and founded Pixar in August 1993.", TEXT) < 0.5
    assert copied("设置系统的主机名", "在启动的时候设置系统的\n主机名。") > 0.8
    assert copied("", TEXT) == 0.0


def test_a_sentence_repeats_another_if_it_has_its_words_and_no_other_number() -> None:
    said = "Debian 2.0 was released in July 1998."
    assert repeats("In July 1998 Debian 2.0 was released.", said)
    assert not repeats("Debian 2.1 was released in March 1999.", said)
    assert not repeats("Ian Murdock founded Debian.", said)
