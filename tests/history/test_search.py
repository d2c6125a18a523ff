"""Search: any text is a search, any script is found, and the marks are on the words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.history import History

TEXTS = {
    "english": "Why is the sky blue? Rayleigh scattering, it's said.",
    "french": "Un naïve Éléphant à l'école",
    "chinese": "天空为什么是蓝色的",
    "japanese": "空はなぜ青いのですか",
    "korean": "하늘은 왜 파란가요",
    "thai": "ทำไมท้องฟ้าสีฟ้า",
    "emoji": "well done👍🏽 and 👩‍👩‍👧 too",
    "code": "if (a != b) { return foo->bar(x_1); }  C++ path/to.file",
    "short": "Go is AI",
    "operators": "this AND that OR NEAR NOT",
}
FOUND = [
    ("sky", "english"), ("SKY", "english"), ("ray scat", "english"), ('"sky blue"', "english"), ("it's", "english"),
    ("blue why", "english"), ("naive", "french"), ("elephant", "french"), ("ÉCOLE", "french"), ("天空", "chinese"),
    ("蓝", "chinese"), ("蓝色", "chinese"), ("色 天", "chinese"), ("青い", "japanese"), ("空", "japanese"),
    ("하늘", "korean"), ("ฟ้า", "thai"),
    ("👍", "emoji"), ("👩‍👩‍👧", "emoji"), ("done👍", "emoji"), ("foo->bar", "code"), ("!=", "code"),
    ("c++", "code"), ("x_1", "code"), ("to.file", "code"), ("->", "code"), ("go", "short"), ("ai", "short"),
    ("NEAR", "operators"), ("AND", "operators"), ("NOT", "operators"), ("that OR", "operators"),
]  # fmt: skip


@pytest.fixture(scope="module")
def library() -> History:
    history = History(None)
    for name, text in TEXTS.items():
        history.add(history.new(title=f"T{name}"), None, "user", text)
    return history


@pytest.mark.parametrize(("words", "name"), FOUND)
def test_words_of_every_kind_are_found(library: History, words: str, name: str) -> None:
    hits = [hit for hit in library.search(words) if hit.role == "user"]
    assert f"T{name}" in {hit.title for hit in hits}
    (hit,) = [hit for hit in hits if hit.title == f"T{name}"]
    assert hit.marks
    assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.marks)


@pytest.mark.parametrize(
    "words", ["", " ", '"', '""', '"unclosed', "\0", "zebra", "sky zebra", "blue*k", "title:", "色天", "🦓"]
)
def test_what_is_not_there_is_not_found(library: History, words: str) -> None:
    assert library.search(words) == []


@pytest.mark.parametrize(
    "words",
    [
        "(",
        ")",
        "*",
        "^",
        "a*",
        "sky)",
        '"sky',
        "-sky",
        "+sky",
        "NEAR(sky, 2)",
        "words:sky",
        "{a b}:c",
        "\\",
        "%",
        "_",
        "'",
    ],
)
def test_no_text_is_an_error(library: History, words: str) -> None:
    assert isinstance(library.search(words), list)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_no_random_text_is_an_error(words: str) -> None:
    for hit in SMALL.search(words):
        assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.marks)


SMALL = History(None)
SMALL.begin("a b c ß İ ﬁ 漢字 👍 \0 'x' - Ǆ")


def test_the_newest_comes_first_and_titles_before_turns(history: History) -> None:
    ids = [history.begin(f"needle {number}")[1] for number in range(5)]
    hits = history.search("needle")
    assert [hit.role for hit in hits] == ["title"] * 5 + ["user"] * 5
    assert [hit.turn for hit in hits] == ids[::-1] * 2
    assert [hit.turn for hit in history.search("needle", 3)] == ids[:1:-1]
    assert history.search("needle", 0) == []


def test_the_snippet_is_around_the_word_and_the_marks_are_on_it(history: History) -> None:
    text = "x " * 5000 + "the\n\n Needle  is\there " + "y " * 5000
    history.begin(text)
    (hit,) = [hit for hit in history.search("needle is") if hit.role == "user"]
    assert len(hit.snippet) < 200
    assert hit.snippet[0] == hit.snippet[-1] == "…"
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["Needle", "is"]


def test_what_changes_is_found_anew(history: History) -> None:
    home, question = history.begin("first")
    answer = history.add(home, question, "assistant", "", ended=False)
    history.write(answer, "draft")
    assert history.search("draft") == []
    history.finish(answer, "final", "", "stop")
    assert [hit.turn for hit in history.search("final")] == [answer]
    history.write(answer, "final and on")
    history.finish(answer, "final and onwards", "", "stop")
    assert [hit.turn for hit in history.search("onwards")] == [answer]
    history.rename(home, "second")
    assert {hit.role for hit in history.search("first")} == {"user"}
    assert {hit.role for hit in history.search("second")} == {"title"}
    history.delete(home)
    assert history.search("final") == history.search("second") == []


def test_a_removed_word_is_not_in_the_file(history: History, path: Path) -> None:
    keep = history.begin("another")[0]
    history.delete(history.begin("xylophonic")[0])
    history.compact()
    history.close()
    data = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"xylophonic" not in data
    assert b"another" in data
    assert keep
