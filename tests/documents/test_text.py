"""Plain text, Markdown and source code: lines as an editor counts them, headings where they are plain to see."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from quoth.documents import Document, Heading, read
from quoth.documents.formats.plain import WINDOW, markdown_headings, text_headings
from quoth.documents.offset_map import OffsetMap
from quoth.text.long_text import LongText

Reading = Callable[..., Document]


def line_of(document: Document, words: str) -> int:
    start = str(document.text).find(words)
    assert start >= 0, words
    return document.place(start, start + len(words)).start_line


def titles(headings: list[Heading]) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in headings]


def test_marks_hold_up_to_the_next_one() -> None:
    marks: OffsetMap[str] = OffsetMap()
    for offset, value in ((0, "a"), (5, "b"), (5, "c"), (9, "c"), (12, "d")):
        marks.set(offset, value)
    assert "".join(marks.at(offset) for offset in range(14)) == "aaaaacccccccdd"


def test_a_place_has_its_first_and_last_line_and_is_cited_by_them(reading: Reading) -> None:
    document = reading("policy.txt", "one\ntwo words\nthree\n")
    whole = str(document.text).find("two"), str(document.text).find("three") + 5
    assert document.cite(document.place(*whole)).endswith("policy.txt:2-3")
    start = str(document.text).find("words")
    assert document.cite(document.place(start, start + 6)).endswith("policy.txt:2")  # its line end is still of line 2


def test_the_path_of_headings_leads_from_the_outermost_down(reading: Reading) -> None:
    document = reading("a.md", "intro\n\n# A\n\n## B\n\n### C\n\nin c\n\n## D\n\nin d\n\n# E\n\nin e\n")

    def path(words: str) -> tuple[str, ...]:
        return document.place(start := str(document.text).find(words), start + 1).headings

    assert path("intro") == ()
    assert path("in c") == ("A", "B", "C")
    assert path("in d") == ("A", "D")
    assert path("in e") == ("E",)


def test_markdown_headings_of_both_forms_are_found() -> None:
    text = LongText(["# One #\n\nTwo\n===\n\nThree\n---\n\n###### Six\n\n#no\n\n- item\n---\n\npara # no\n"])
    assert titles(markdown_headings(text)) == [(1, "One"), (1, "Two"), (2, "Three"), (6, "Six")]


def test_headings_within_fences_are_code() -> None:
    text = LongText(["```sh\n# no\n~~~\n# no\n```\n\n# yes\n\n~~~~\n# no\n~~~\n# no\n~~~~\n## yes too\n"])
    assert titles(markdown_headings(text)) == [(1, "yes"), (2, "yes too")]


def test_a_fence_that_spans_two_windows_is_still_one() -> None:
    filler = "code\n\n" * (WINDOW // 6 + 10)
    text = LongText([f"# first\n\n```\n# no\n{filler}# no\n```\n\n# last\n"])
    assert titles(markdown_headings(text)) == [(1, "first"), (1, "last")]


def test_underlined_headings_of_plain_text_take_their_levels_in_order() -> None:
    text = LongText(["****\nBook\n****\n\nPart\n====\n\ntext\n\nSection\n-------\n\nmore\n\nOther\n=====\n"])
    assert titles(text_headings(text)) == [(1, "Book"), (2, "Part"), (3, "Section"), (2, "Other")]


def test_numbered_headings_alone_between_empty_lines_are_found() -> None:
    text = LongText(
        ["1. Scope\n\nThis is text.\n\n4.9. Main building\n\n1.2 is the version of it.\n\n4.9.1. Details\n\nx\n"]
    )
    assert titles(text_headings(text)) == [(1, "1. Scope"), (2, "4.9. Main building"), (3, "4.9.1. Details")]


def test_what_looks_like_a_heading_but_is_none_stays_text() -> None:
    lists = "1. Apples\n\n2. Pears\n\n3. Plums\n\n"
    table = "name  size\n----  ----\na     1\n\nA paragraph that goes on and on\n---\nb\n\n"
    prose = "2.1 times as many of them were seen, and that is\nwhy.\n\n3.5 million people.\n\n"
    assert titles(text_headings(LongText([lists, table, prose]))) == []


def test_source_code_is_text_without_headings(reading: Reading) -> None:
    document = reading("a.py", "# not a heading\n\ndef f():\n    return 1\n")
    assert document.kind == "code"
    assert not document.headings
    assert line_of(document, "def f") == 3


def test_an_empty_file_is_an_empty_document(reading: Reading) -> None:
    document = reading("empty.txt", b"")
    assert len(document.text) == 0
    assert document.place(0, 0).start_line == 1


def test_right_to_left_and_cjk_text_keep_their_characters(reading: Reading) -> None:
    source = "שלום עולם\nمرحبا بالعالم\n软件包维护者\n👩‍👩‍👧 e\u0301\n"
    document = reading("many.txt", source)
    assert str(document.text) == source
    assert line_of(document, "软件包") == 3


def test_the_name_of_a_document_is_the_path_as_given(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    assert read(str(path), limit=100).name == str(path)


@pytest.mark.parametrize(
    "text",
    [
        "# x" + " " * 1_000_000 + "y",
        "# " + "a " * 500_000,
        " " * 1_000_000,
        "\n" * 1_000_000,
        "\n" + "=" * 1_000_000,
        "=\n" * 500_000,
        "1. " * 300_000,
        "\n\n1. x\n" * 120_000,
        "```\n" * 250_000,
        "`" * 1_000_000,
        "# \n" * 300_000,
    ],
)
@pytest.mark.more
def test_a_megabyte_of_signs_takes_seconds_at_most(text: str) -> None:
    begun = time.process_time()
    markdown_headings(LongText([text]))
    text_headings(LongText([text]))
    assert time.process_time() - begun < 8
