"""Documents become passages a model can read; nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quoth import passages
from quoth.passages import Passage, split
from quoth.text.long_text import LongText
from tests.rounds import rounds

Ends = Callable[[str], Sequence[int]]


def words(text: str) -> list[int]:
    return [match.end() for match in re.finditer(r"\S+\s*", text)]


def characters(text: str) -> list[int]:
    return list(range(1, len(text) + 1))


def bytewise(text: str) -> list[int]:
    """A token a byte; one that ends inside a character ends before it, as the engine has it."""
    return [at + (n == size - 1) for at, size in enumerate(len(c.encode()) for c in text) for n in range(size)]


def bodies(text: str, found: Sequence[Passage]) -> list[str]:
    return [text[p.body : p.end] for p in found]


def pieces(text: str, size: int, *, ends: Ends = words, headings: Sequence[int] = ()) -> list[str]:
    return bodies(text, split(LongText([text]), ends, size, headings=headings))


def headings_of(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"^#+ ", text, re.MULTILINE)]


def sentence(number: int, length: int) -> str:
    return " ".join([f"S{number}", *["word"] * (length - 2), "end."])


FRAGMENTS = """
word , . ! ? 。 。」 ， 你好 世界 かな สวัสดี ครับ e\u0301 \u0301 👩\u200d🚀 👍🏽 🇩🇪 Mr. U.S. 3.14
``` ~~~ | - 1. # == ' " ( ) [1] x
"""
SPACES = [" ", "  ", "\n", "\n\n", "\n\n\n", "    ", "\t", "\f", "\x00", "\n# ", "\n| a | b |\n", "\n```\n"]
PROSE = st.lists(st.sampled_from([*FRAGMENTS.split(), *SPACES]), max_size=120).map("".join) | st.text(max_size=200)


@st.composite
def tokenizers(draw: st.DrawFn) -> Ends:
    """Any ascending offsets: tokens that end inside a character, many at one place, too few, none."""
    steps = draw(st.lists(st.integers(0, 9), min_size=1, max_size=30))

    def ends(text: str) -> list[int]:
        found, at = [], 0
        for number in range(4 * len(text)):
            at += steps[number % len(steps)]
            if at > len(text):
                break
            found.append(at)
        return found

    return draw(st.sampled_from([words, characters, bytewise, ends]))


@given(PROSE, tokenizers(), st.integers(8, 60), st.data())
@example("\n" * 40, characters, 8, None)
@settings(max_examples=rounds(400))
def test_the_bodies_are_the_text_and_no_passage_is_too_long(
    text: str, ends: Ends, size: int, data: st.DataObject | None
) -> None:
    overlap = data.draw(st.integers(0, size // 2)) if data else 4
    headings = sorted(data.draw(st.sets(st.integers(0, max(0, len(text) - 1)), max_size=6))) if data else []
    found = split(LongText([text]), ends, size, overlap=overlap, headings=headings if text else [])
    assert "".join(bodies(text, found)) == text
    reached = 0
    for number, passage in enumerate(found):
        assert passage.body == reached < passage.end
        assert passage.start > found[number - 1].start if number else passage.start == 0
        assert passage.start <= passage.body
        assert passage.tokens <= size or passage.end - passage.start == 1
        reached = passage.end
    assert [p for p in found if p.start < p.body] == [] or overlap


@given(PROSE, st.integers(8, 60), st.integers(8, 64))
@settings(max_examples=rounds(100))
def test_a_text_longer_than_one_window_is_split_in_the_same_way(text: str, size: int, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        whole = split(LongText([text]), characters, size)
        patch.setattr(passages, "WINDOW", window)
        in_windows = split(LongText([text]), characters, size)
    if "```" not in text and "~~~" not in text:  # a line longer than a window may look like a fence
        assert in_windows == whole
    assert "".join(bodies(text, in_windows)) == text


def test_the_tokenizer_sees_stretches_of_a_bounded_length_that_end_with_a_line() -> None:
    line = "a line of the text that is read\n"
    text = LongText(line for _ in range(30_000))
    seen: list[str] = []

    def ends(stretch: str) -> list[int]:
        seen.append(stretch)
        return words(stretch)

    found = split(text, ends, 500)
    assert "".join(seen) == str(text)
    assert max(map(len, seen)) <= passages.WINDOW
    assert all(stretch.endswith("\n") for stretch in seen)
    assert sum(p.tokens for p in found) == 30_000 * 8


def test_a_text_that_fits_is_one_passage() -> None:
    text = "# One\n\nfirst\n\n# Two\n\nsecond\n"
    assert split(LongText([text]), words, 100, headings=[0, 14]) == [Passage(0, 0, len(text), 6)]


def test_no_text_has_no_passages() -> None:
    assert split(LongText(), words, 100) == []


@pytest.mark.parametrize(("size", "overlap"), [(7, 0), (100, 51), (100, -1)])
def test_sizes_that_cannot_work_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"{size} tokens"):
        split(LongText(["text"]), words, size, overlap=overlap)


def test_a_heading_is_a_better_border_than_a_paragraph() -> None:
    text = f"# A\n\n{sentence(1, 55)}\n\n# B\n\n{sentence(2, 20)}\n\n{sentence(3, 40)}\n"
    assert pieces(text, 100, headings=headings_of(text))[0] == f"# A\n\n{sentence(1, 55)}\n\n"
    assert pieces(text, 100)[0].endswith(f"{sentence(2, 20)}\n\n")


def test_a_heading_never_stands_alone_at_the_end() -> None:
    text = f"{sentence(1, 30)}\n\n{sentence(2, 60)}\n\n# Part\n\n## Chapter\n\n{sentence(3, 30)}\n"
    first, second = pieces(text, 96, headings=headings_of(text))
    assert first.endswith("end.\n\n")
    assert second.startswith("# Part\n\n## Chapter\n\nS3")


def test_an_underlined_heading_stays_with_its_text() -> None:
    text = f"{sentence(1, 90)}\n\nTitle of it\n===========\n\n\n{sentence(2, 30)}\n"
    assert pieces(text, 95, headings=[text.index("Title")])[1].startswith("Title of it\n===")


def test_short_sections_share_a_passage() -> None:
    text = "".join(f"# H{n}\n\n{sentence(n, 18)}\n\n" for n in range(20))
    found = pieces(text, 100, headings=headings_of(text))
    assert [piece.count("# H") for piece in found] == [5, 5, 5, 5]


def test_paragraphs_are_kept_whole() -> None:
    text = "\n\n".join(sentence(n, 30) for n in range(9))
    assert all(piece.startswith("S") and piece.rstrip().endswith("end.") for piece in pieces(text, 100))
    assert [len(words(piece)) for piece in pieces(text, 100)] == [90, 90, 90]


def test_sentences_are_kept_whole_in_a_long_paragraph() -> None:
    text = "\n".join(sentence(n, 30) + " Mr. Smith came." for n in range(9))
    assert all(piece.startswith("S") and piece.rstrip().endswith(("end.", "came.")) for piece in pieces(text, 80))


@pytest.mark.parametrize(
    ("text", "last"),
    [("今天天气很好，我们去公园散步。" * 40, "。"), ("彼は「行こう！」と言った。それから出た。" * 30, "。")],
    ids=["chinese", "japanese"],
)
def test_sentences_of_unspaced_scripts_are_kept_whole(text: str, last: str) -> None:
    assert all(piece.endswith(last) for piece in pieces(text, 50, ends=characters))


def test_thai_is_cut_at_its_spaces() -> None:
    text = " ".join(["ผมชอบอ่านหนังสือ", "วันนี้อากาศดี"] * 20)
    found = pieces(text, 60, ends=characters)
    assert all(piece.strip() and set(piece.split()) <= {"ผมชอบอ่านหนังสือ", "วันนี้อากาศดี"} for piece in found)


def test_rows_of_a_table_are_kept_whole() -> None:
    bars = "".join(f"| row {n} | First. Second, third | 5 |\n" for n in range(60))
    tabs = "".join(f"row {n}\tFirst. Second, third\t5\n" for n in range(60))
    for text in (bars, tabs):
        assert all(piece.endswith("5 |\n") or piece.endswith("\t5\n") for piece in pieces(text, 100))


def test_a_long_row_goes_to_the_next_passage_whole() -> None:
    row = "| " + "cell, " * 80 + "|\n"
    text = f"{sentence(1, 20)}\n\n{row}{row}"
    assert pieces(text, 100)[1:] == [row, row]


def test_lines_of_code_are_kept_whole() -> None:
    code = "".join(f'    print("This is {n}. It goes on, and on")\n\n' for n in range(40))
    text = f"Look:\n\n```python\n{code}```\n\nDone.\n"
    assert all(piece.endswith("\n") for piece in pieces(text, 50))


def test_text_behind_a_code_block_is_prose_again() -> None:
    text = "```\n" + "x = 1\n" * 40 + "```\n" + "\n".join(sentence(n, 20) for n in range(12))
    assert all(piece.rstrip().endswith(("```", "1", "end.")) for piece in pieces(text, 50))


def test_list_items_are_kept_whole() -> None:
    text = "".join(f"- item {n} goes\n  on in the second line without a stop\n" for n in range(30))
    assert all(piece.startswith("- item") for piece in pieces(text, 60))


def test_a_sentence_too_long_for_a_passage_is_cut_at_a_clause() -> None:
    text = ", ".join(["some words of the clause"] * 60)
    assert all(piece.endswith(("clause, ", "clause")) for piece in pieces(text, 50))


def test_words_are_kept_whole_without_any_punctuation() -> None:
    text = "letters " * 300
    assert all(piece.endswith("letters ") for piece in pieces(text, 50, ends=characters))


@pytest.mark.parametrize("cluster", ["e\u0301\u0323", "👩\u200d👩\u200d👧", "👍🏽", "क्षि"])
def test_what_is_seen_as_one_character_is_kept_whole(cluster: str) -> None:
    found = pieces(cluster * 100, 20, ends=characters)
    assert "".join(found) == cluster * 100
    assert all(len(piece) % len(cluster) == 0 for piece in found)


def test_a_character_of_more_tokens_than_fit_is_a_passage() -> None:
    def ends(text: str) -> list[int]:
        return [at for at in range(len(text)) for _ in range(20)]

    found = split(LongText(["abc"]), ends, 8)
    assert [(p.start, p.end) for p in found] == [(0, 1), (1, 2), (2, 3)]


def test_the_overlap_is_whole_sentences() -> None:
    text = " ".join(sentence(n, 10) for n in range(40))
    found = split(LongText([text]), words, 100, overlap=25)
    assert len(found) > 4
    for passage in found[1:]:
        assert re.fullmatch(r"(S\d+ (word )+end\. ){2}", text[passage.start : passage.body])


def test_the_overlap_stays_in_its_section() -> None:
    text = "".join(f"# H{n}\n\n{sentence(n, 9)} {sentence(n, 70)}\n\n\n" for n in range(5))
    for headings in (headings_of(text), [at for at in headings_of(text) if at]):
        found = split(LongText([text]), words, 100, overlap=40, headings=headings)
        assert all(p.start == p.body for p in found)
        assert [text[p.start : p.start + 3] for p in found] == ["# H"] * 5


def test_a_sentence_longer_than_the_overlap_is_not_repeated() -> None:
    text = " ".join(sentence(n, 40) for n in range(10))
    assert all(p.start == p.body for p in split(LongText([text]), words, 100, overlap=20))


@pytest.mark.long
def test_a_line_of_a_million_characters_is_split_in_no_time() -> None:
    for unit in ("x", "a, ", "| a ", "\t", " ", "a\u0301", "`"):
        text = LongText([unit * (1_000_000 // len(unit))])
        found = split(text, lambda stretch: range(4, len(stretch) + 1, 4), 2_000, overlap=100)
        assert found[-1].end == len(text)
