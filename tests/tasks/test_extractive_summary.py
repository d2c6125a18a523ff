"""The most telling sentences: prose, verbatim, in order, from all of the text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth import documents
from quoth.tasks.collection import Collection
from quoth.tasks.summaries.extractive_summary import ExtractedSentence, key_sentences, summarize_by_extract
from quoth.tasks.summaries.prose_sentences import prose_sentences
from quoth.tasks.summaries.summary import Sentence, SummaryOptions
from quoth.text.words import count_words
from tests.scripted_engine import Scripted
from tests.tasks.texts import collection, document, harbours

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
CHAPTERS = (
    ("Whales", "Whales are mammals that live in the ocean and feed their calves with milk."),
    ("Bees", "Bees gather nectar from flowers in the meadow and make honey from the nectar."),
    ("Glaciers", "Glaciers are rivers of ice that move down a valley and carve the valley as they move."),
)


def chapters() -> str:
    """A chapter each on whales, bees and glaciers: what it is about, then what nobody needs to know of it."""
    filler = {
        "Whales": "The milk of whales is fat. Some ocean calves were seen. See https://whales.example/ for more.",
        "Bees": "* A list item of bees.\n* $ bee --honey | sort\n\nHoney of a meadow was tasted once by somebody.",
        "Glaciers": "Ice cracked on a Tuesday. In 1974 ice 3.2.1 and 4.5.6 moved 77 of 99 metres by 12.",
    }
    return "\n\n".join(f"# {title}\n\n{said} {filler[title]}" for title, said in CHAPTERS)


def extract(parts: Collection, words: int, focus: str = "") -> list[ExtractedSentence]:
    """What key_sentences returns when it has read everything."""

    def steps() -> Iterator[object]:
        found.extend((yield from key_sentences(parts, words, focus)))

    found: list[ExtractedSentence] = []
    list(steps())
    return found


def texts(found: list[ExtractedSentence]) -> list[str]:
    return [one.text for one in found]


def test_sentences_stand_in_the_text_word_for_word_at_their_places() -> None:
    parts = collection(harbours(30), chapters())
    found = extract(parts, 120)
    assert len(found) >= 4
    for one in found:
        source = parts.documents[one.span.document]
        assert " ".join(source.text[one.span.start : one.span.end].split()) == one.text
        place = parts.place(one.span)
        lines = str(source.text).split("\n")[place.start_line - 1 : place.end_line]
        assert one.text in " ".join(" ".join(lines).split())


def test_the_order_of_the_documents_is_kept() -> None:
    found = extract(collection(harbours(30), chapters()), 150)
    places = [(one.span.document, one.span.start) for one in found]
    assert places == sorted(places)


def test_every_section_has_its_turn_with_the_sentence_that_says_what_it_is_about() -> None:
    found = extract(collection(chapters(), size=40), 50)
    assert texts(found) == [said for _, said in CHAPTERS]


def test_no_more_words_than_asked_for_unless_one_sentence_alone_has_more() -> None:
    parts = collection(harbours(60))
    for words in (15, 40, 100, 300):
        assert sum(count_words(text) for text in texts(extract(parts, words))) <= words
    assert len(extract(parts, 1)) == 1


def test_what_was_asked_for_is_what_is_found() -> None:
    found = extract(collection(chapters(), harbours(20), size=40), 40, focus="honey of bees")
    assert any("honey" in text for text in texts(found))
    assert not any("harbour" in text for text in texts(found))


def test_nothing_is_said_twice() -> None:
    parts = collection(*[chapters()] * 4, size=40)
    found = texts(extract(parts, 400))
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "line",
    [
        "* Extract the control information files from a package: dpkg-deb --control foo.deb tmp.",
        "See https://www.example.org/assignments/types and the other list for the details.",
        "return Request(self.environ.copy()) and then the server of the package runs.",
        "$ sudo apt install package && reboot the whole machine for the package.",
        "Package: hello Version: 2.9 Architecture: amd64 Depends: libc6 (>= 2.14) Section: devel.",
        "3. Protecting the rights of users from the law on circumvention of measures.",
        "General Information About The Electronic Works Of The Foundation.",
        "LIMITED WARRANTY AND DISCLAIMER OF DAMAGES FOR ALL OF THE WORKS.",
        "4.3 The Releases . . . . . . . . . . . . . . . . . . . . 7",
        "This is why they were not told about it by the others at all.",
        "However, the council of the county did not agree with the plan.",
        'He said "the council of the county did not agree with the plan.',
        "which the council of the county did not agree with at the time.",
        "Too short here.",
        "移动光标到 9.6.15. 通过挂载另一个分区来扩展可用存储空间 9.6.16.",
    ],
)
def test_what_is_no_sentence_that_stands_alone_is_not_chosen(line: str) -> None:
    assert not [*prose_sentences(f"{line}\n")]


@pytest.mark.parametrize(
    "line",
    [
        "The council of the county opened the harbour of Aldmouth in 1800.",
        "“Whales are mammals that live in the ocean,” said the keeper of the lighthouse.",
        "This manual describes the policy requirements for the Debian distribution.",
        "Élodie Dupont a ouvert le port de la ville en présence du conseil.",
        "内核维护系统主机名并且在启动的时候设置系统的主机名。",
        "تفتح المدينة ميناءها الجديد في الصباح الباكر بحضور المجلس.",
    ],
)
def test_a_sentence_of_prose_may_be_chosen_in_any_script(line: str) -> None:
    assert [one.text for one in prose_sentences(f"{line}\n")] == [line]


def test_a_text_of_lists_alone_still_has_an_extract() -> None:
    listed = "".join(f"* Fix the lighthouse of {name} at night\n" for name in ("Corley", "Dunmere", "Eskport") * 5)
    found = extract(collection(listed), 30)
    assert found
    assert all(text.startswith("Fix the lighthouse") for text in texts(found))


def test_of_a_text_without_words_nothing_is_extracted() -> None:
    assert extract(collection("1 2 3 4 5 6 7 8\n" * 30), 50) == []


def test_an_outline_puts_sentences_under_their_headings() -> None:
    parts = Collection([document(chapters(), "animals.md")], Scripted().offsets, 40)
    found = summarize_by_extract(parts, SummaryOptions(words=60, style="outline"))
    shown = "".join(event.before + event.text for event in found if isinstance(event, Sentence))
    assert shown == "\n".join(f"{title}\n- {said}" for title, said in CHAPTERS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(CHARACTERS, max_size=200), min_size=1, max_size=6), st.integers(1, 80))
def test_whatever_the_text_an_extract_is_verbatim(paragraphs: list[str], words: int) -> None:
    parts = collection("\n\n".join([*paragraphs, harbours(1)]))
    for one in extract(parts, words):
        source = parts.documents[one.span.document].text[one.span.start : one.span.end]
        assert " ".join(source.split()) == one.text


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("debian-faq.txt", "questions frequently asked about Debian"),
        ("policy.txt", "This manual describes the policy requirements for the Debian distribution."),
        ("GPL-3", "is a free, copyleft license for software"),
    ],
)
def test_a_real_document_says_what_it_is_about(name: str, about: str) -> None:
    from tests.bench import corpus

    read = documents.read(str(corpus.path(name)), limit=10**8)
    found = texts(extract(Collection([read], Scripted().offsets, 500), 150))
    assert any(about in text for text in found)
    assert not any(text[0] in "*-+#$" or "://" in text or "{" in text for text in found)
