"""Line ends of every kind: the text has "\n", and what is cited are the lines that `grep -n` counts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quoth.documents import Document
from quoth.documents.line_ends import FileLines, FoldedLineEnds
from quoth.documents.offset_map import STRIDE, LineMap
from quoth.documents.raw_document import CHUNK
from quoth.text.long_text import LongText

Reading = Callable[..., Document]
PROGRESS = "Downloading 10%\rDownloading 50%\rDownloading 100%\n"


def line_of(document: Document, words: str) -> int:
    start = str(document.text).find(words)
    assert start >= 0, words
    return document.place(start, start + len(words)).start_line


def test_lines_are_those_of_an_editor_whatever_ends_them(reading: Reading) -> None:
    document = reading("mixed.txt", b"one\r\ntwo\rstill two\n\r\n\nfive\x0cstill five\r\r\nsix")
    assert str(document.text) == "one\ntwo\nstill two\n\n\nfive\x0cstill five\n\nsix"
    places = ("one", "two", "still two", "five", "still five", "six")
    assert [line_of(document, words) for words in places] == [1, 2, 2, 5, 5, 6]


def test_a_line_that_was_drawn_again_and_again_is_one_line(reading: Reading) -> None:
    document = reading("a.log", PROGRESS + "The backup of the mail server failed at midnight.\n")
    assert [line_of(document, words) for words in ("10%", "100%", "The backup")] == [1, 1, 2]
    assert document.place(0, len(document.text) - 1)[:2] == (1, 2)


@pytest.mark.parametrize("encoding", ["mac_roman", "utf-16", "utf-32-le"])
def test_in_a_file_of_an_old_mac_every_return_ends_a_line(reading: Reading, encoding: str) -> None:
    document = reading("a.txt", "one caf\xe9\rtwo\r\rfour\r".encode(encoding))
    assert [line_of(document, word) for word in ("one", "two", "four")] == [1, 2, 4]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.md", "# Log\n\n{}The wanted line.\n"),
        ("a.py", "# {}# The wanted line\n"),
        ("a.html", "<!DOCTYPE html>\n<pre>{}The wanted line</pre>\n"),
        ("a.html", "<!DOCTYPE html>\n<p>{}The wanted line</p>\n"),
        ("a.1", ".TH A 1\n.SH NAME\n.nf\n{}The wanted line\n"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,500\n{}The wanted line.\n"),
        ("a.info", "This is a.info.\n\n\x1f\nFile: a.info,  Node: Top\n\n{}The wanted line.\n"),
        ("a.eml", "From: a@b.c\nTo: d@e.f\nSubject: s\n\n{}The wanted line.\nAnother line.\n"),
    ],
)
def test_documents_of_every_kind_cite_the_lines_of_the_file(reading: Reading, name: str, source: str, end: str) -> None:
    source = source.format(PROGRESS)
    document = reading(name, source.replace("\n", end))
    assert line_of(document, "The wanted line") == 1 + source[: source.index("The wanted")].count("\n")


@pytest.mark.parametrize("shift", range(4))
def test_ends_of_lines_are_told_apart_on_the_border_of_two_chunks(reading: Reading, shift: int) -> None:
    document = reading("a.txt", "x" * (CHUNK - shift) + "\r\ntwo\rstill two\nthree")
    assert [line_of(document, words) for words in ("two", "still two", "three")] == [2, 2, 3]


@given(
    st.lists(st.tuples(st.text("ab é中😀", max_size=12), st.sampled_from(["\n", "\r\n", "\r"])), max_size=40),
    st.integers(1, 20),
)
def test_a_line_number_is_right_for_every_character(lines: list[tuple[str, str]], size: int) -> None:
    source = "".join(text + end for text, end in lines)
    ends = FoldedLineEnds()
    parts = re.findall(rf"(?s).{{1,{size}}}(?:(?<=\r)\n)?", source)
    text = "".join(map(ends.fold, parts))
    assert text == re.sub("\r\n|\r", "\n", source)
    counts = LineMap(LongText([text]), ends.file_lines())
    counted = re.sub("\r(?!\n)", "\v" if "\n" in source else "\n", source).replace("\r\n", "\n")
    numbers = [1 + counted[:at].count("\n") for at in range(len(text) + 1)]
    assert [counts.at(at) for at in range(len(text) + 1)] == numbers


def test_a_line_number_is_right_on_both_sides_of_a_count() -> None:
    text = "x" * (STRIDE - 1) + "\n" + "y" * STRIDE + "\nz"
    counts = LineMap(LongText([text]), FileLines())
    for offset in (0, STRIDE - 1, STRIDE, STRIDE + 1, 2 * STRIDE - 1, 2 * STRIDE, 2 * STRIDE + 1, len(text)):
        assert counts.at(offset) == 1 + text.count("\n", 0, offset)
