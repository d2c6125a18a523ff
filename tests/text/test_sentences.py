"""Sentences end where a reader sees them end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text.fenced_blocks import CodeBlocks, code_blocks
from quoth.text.sentences import sentences
from tests.rounds import rounds


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith and Dr. Jones went to St. Ives.|It rained.",
        "Use a tool, e.g. Make, i.e. GNU Make.|It works.",
        "See Fig. 3 and No. 7, p. 12.|Then go on.",
        "He said no.|Then he left.",
        "J. K. Rowling wrote it with J.R.R. Tolkien.|They met.",
        "So do I.|The end.",
        "The U.S. Army came.|He lives in the U.S.|The rest stayed.",
        "Pi is 3.14159 and 2.5 is less.|Version 1.2.3 came out.",
        "Apples, pears etc. are fruit.|Bring them etc.|The rest is here.",
        "Then... nothing happened.|Wait...|Who is there?",
        '"Really?" he asked.|"Yes!"|She nodded.',
        "He shouted “Stop!”|Nobody (not even Ann.) did.|What?!|Yes.",
        "It was so [1].|And it is so.[2]|So it is.",
        "Come at 5 p.m. on Monday.|We wait.",
        "One (see below).|“Two.”|‘Three.’|*Four.*|Five.",
        "¿Qué es esto?|¡Nada!|Año nuevo.|Élan vital.",
        "Это дом.|Он стоит здесь.",
        "यह एक घर है।|वह वहाँ है।",
        "هل هذا بيت؟|نعم.",
    ],
)
def test_full_stops_end_sentences_where_they_should(text: str) -> None:
    assert said(text.replace("|", " ")) == text.split("|")


@pytest.mark.parametrize(
    "text",
    [
        "你好。|世界！|真的吗？|是的。",
        "他说：「走吧！」|然后离开了。",
        "「好。」と言った。|それから出た。",
        "价格是3.5元。|很便宜。",
    ],
)
def test_sentences_of_unspaced_scripts_need_no_space(text: str) -> None:
    assert said(text.replace("|", "")) == text.split("|")


def test_thai_sentences_end_with_a_space() -> None:
    assert said("สวัสดีครับ ผมชื่อสมชาย") == ["สวัสดีครับ", "ผมชื่อสมชาย"]


def test_hard_wrapped_lines_are_one_sentence() -> None:
    text = "These lines were wrapped\nby an editor. And so was\n  this one."
    assert said(text) == ["These lines were wrapped\nby an editor.", "And so was\n  this one."]


@pytest.mark.parametrize(
    "lines",
    [
        ["# Heading", "Text under it", "## Another"],
        ["Title", "=====", "Text"],
        ["- one", "- two", "* three", "• four"],
        ["1. First", "2. Second", "10. Tenth"],
        ["(a) one", "(b) two", "iv) four"],
        ["| a. B | c |", "|------|---|", "| D. E | f |"],
        ["name\tvalue", "A. First thing\t1"],
        ["NAME", "       foo - bar the thing"],
        ["    $ make install", "    x = 3;"],
        ["```python", "a. B", "", "c", "```", "Text."],
        ["一、总则", "二、附则"],
    ],
    ids=lambda lines: lines[0],
)
def test_lines_with_a_meaning_of_their_own_are_sentences(lines: list[str]) -> None:
    assert said("\n".join(lines)) == [line.strip() for line in lines if line]


def test_an_item_goes_on_in_the_next_line() -> None:
    assert said("- one item\n  goes on\n- two. Three") == ["- one item\n  goes on", "- two.", "Three"]


def test_a_numbered_heading_is_one_sentence() -> None:
    assert said("2.3. Priorities\n\n1. First item. With two.") == ["2.3. Priorities", "1. First item.", "With two."]


def test_a_narrow_indented_paragraph_is_prose() -> None:
    text = (
        "       This is the description of a manual page. It is\n       indented, and wrapped where the line is full.\n"
    )
    assert said(text)[1].startswith("It is\n       indented")


def test_paragraphs_end_sentences() -> None:
    assert said("no full stop\n\n  and none here \n \nor here") == ["no full stop", "and none here", "or here"]


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("a\n```\nb\n```\nc", ["```\nb\n```"]),
        ("~~~ x\n```\n~~~\n```\nopen", ["~~~ x\n```\n~~~", "```\nopen"]),
        ("````\n```\n````", ["````\n```\n````"]),
        ("inline ``` is not one", []),
        ("> ```\n> quoted\n> ```", ["> ```\n> quoted\n> ```"]),
    ],
)
def test_fenced_blocks_are_found(text: str, blocks: list[str]) -> None:
    assert [text[start:end] for start, end in code_blocks(text)] == blocks


def test_fenced_blocks_are_found_in_a_text_that_comes_in_pieces() -> None:
    text = "a\n```\nb\n```\nc\n~~~\nd\n"
    blocks = CodeBlocks()
    for line in text.splitlines(keepends=True):
        blocks.feed(line)
    assert blocks.between(0, len(text)) == code_blocks(text)
    assert blocks.between(4, 8) == [(4, 8)]
    assert blocks.between(11, 14) == []


def test_a_text_that_begins_in_a_code_block_is_read_as_told() -> None:
    text = "a. B\n```\nIt is prose. Two of\nthem."
    assert [text[a:b] for a, b in sentences(text, code=[(0, 8)])] == ["a. B", "```", "It is prose.", "Two of\nthem."]


TEXT = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [*"aB1.?!。」'\"()|-#=\t\n\u3000 ", "Mr.", "```", "~~~", "    ", "\n\n", "\x0b", "\x1c", "สว", "\u0301"]
    ),
    max_size=80,
).map("".join)


@given(TEXT)
@settings(max_examples=rounds(1000))
def test_between_sentences_there_is_only_white_space(text: str) -> None:
    at = 0
    for start, end in sentences(text):
        assert at <= start < end
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()


MORE_UNITS = [" ", "\t", "a\t", "\n ", "。", "A.", "`", "- a\n", "=", "\n\x0b"]


@pytest.mark.parametrize(
    "unit",
    ["x", ". ", "| a ", "Mr. ", *(pytest.param(unit, marks=pytest.mark.long) for unit in MORE_UNITS)],
)
@pytest.mark.more
def test_a_megabyte_of_anything_is_read_in_no_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert "".join("".join(said(text)).split()) == "".join(text.split())
