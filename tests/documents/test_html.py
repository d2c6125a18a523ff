"""HTML: text in blocks, lines of the source, hostile pages in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quoth.documents import Document
from quoth.documents.builder import DocumentBuilder
from quoth.documents.formats.html import write_html

Reading = Callable[..., Document]

PAGE = """<!DOCTYPE html>
<html><head><title>Not text</title>
<style>p { color: red }</style><script>if (a < b) document.write("<p>no</p>")</script></head>
<body>
<nav><a href="/">Home</a></nav>
<h1>Rules &amp; <em>limits</em><a class="headerlink" href="#x">¶</a></h1>
<p>A paragraph
   of two <b>lines</b>, 3&nbsp;&lt;&nbsp;4.</p>
<h2>Lists</h2>
<ul><li>one</li><li><p>two</p><ol><li>inner</li></ol></li></ul>
<dl><dt>term</dt><dd>meaning</dd></dl>
<table>
<tr><th>Name</th><th>Size</th></tr>
<tr><td>a<br>b</td><td><p>10</p></td></tr>
</table>
<pre>
first
    indented

last</pre>
<div hidden>not shown</div>
<p>The end.
</body></html>
"""


PARTS = [
    "<p>", "</p>", "<b>", "<nav>", "</nav>", "<pre>", "x", " ", "\n", "&lt;", "<", ">", '"', "<!--", "-->", "<td>",
    "<li>", "<h1>", "</h1>", "'", "=", "/", "<table>", "</table>", "<script>", "</script>", "<![CDATA[", "<!",
]  # fmt: skip


def text_of(source: str) -> str:
    builder = DocumentBuilder()
    write_html(builder, source)
    return str(builder.finish("page", "html").text)


def test_a_page_becomes_blocks_of_text(reading: Reading) -> None:
    assert str(reading("page.html", PAGE).text) == (
        "Rules & limits\n\nA paragraph of two lines, 3 < 4.\n\nLists\n\n- one\n- two\n\n  1. inner\n\n"
        "term\n    meaning\n\nName | Size\na b | 10\n\nfirst\n    indented\n\nlast\n\nThe end.\n"
    )


def test_lines_and_headings_are_those_of_the_source(reading: Reading) -> None:
    document = reading("page.html", PAGE)
    for words in ("A paragraph", "of two", "inner", "meaning", "a b | 10", "indented", "last", "The end."):
        start = str(document.text).find(words)
        first = words.split()[0]
        line = document.place(start, start + 1).start_line
        assert first in PAGE.split("\n")[line - 1], words
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Rules & limits"), (2, "Lists")]
    start = str(document.text).find("inner")
    assert document.place(start, start + 1).headings == ("Rules & limits", "Lists")


def test_an_encoding_that_the_page_declares_is_believed_when_it_holds(reading: Reading) -> None:
    page = '<meta charset="iso-8859-2"><p>Příliš žluťoučký kůň</p>'.encode("iso8859-2")
    assert str(reading("a.html", page).text) == "Příliš žluťoučký kůň\n"


def test_a_declared_encoding_that_the_bytes_are_not_in_is_not_believed(reading: Reading) -> None:
    assert str(reading("a.html", '<meta charset="shift_jis"><p>größe</p>').text) == "größe\n"


def test_an_element_that_never_ends_hides_nothing_silently() -> None:
    assert "the rest" in text_of("<p>a</p><nav><a>menu</a><p>the rest</p>")
    builder = DocumentBuilder()
    write_html(builder, "<p>a</p>\n<!-- never ends <p>gone</p>")
    assert builder.notices == ["<!-- in line 2 never ends: what follows it was left out"]


def test_less_than_signs_of_prose_stay() -> None:
    assert text_of("1 < 2 and <3") == "1 < 2 and <3\n"
    assert text_of("if a < b, and c <d then e") == "if a < b, and c <d then e\n"


def test_a_page_laid_out_in_a_table_keeps_its_paragraphs() -> None:
    long = "word " * 100
    assert text_of(f"<table><tr><td><p>{long}</p><p>second</p></td></tr></table>").endswith("word\n\nsecond\n")


@pytest.mark.parametrize(
    "page",
    [
        "<p>" + "word " * 200_000 + "</p>",
        "<" * 1_000_000,
        "<a " * 300_000,
        '<a b="' * 150_000,
        "<a b='\"" * 150_000,
        "<!--" * 250_000,
        "<![CDATA[" * 100_000,
        "<!doctype [" * 100_000,
        "&" * 1_000_000,
        "&amp" * 250_000,
        "<div>" * 200_000,
        pytest.param("<td>" * 250_000, marks=pytest.mark.long),
        "<ul><li>" * 120_000,
        pytest.param("<nav>" * 200_000, marks=pytest.mark.long),
        pytest.param("<script>" * 120_000, marks=pytest.mark.long),
        pytest.param("<a id=x hidden>" * 60_000, marks=pytest.mark.long),
        pytest.param("</p x='" * 140_000, marks=pytest.mark.long),
        pytest.param("<p\n" * 300_000, marks=pytest.mark.long),
    ],
)
@pytest.mark.more
def test_a_megabyte_on_one_line_takes_seconds_at_most(page: str) -> None:
    begun = time.process_time()
    text_of(page)
    assert time.process_time() - begun < 8


@given(st.lists(st.sampled_from(PARTS)))
def test_no_row_of_tags_breaks_the_reader(parts: list[str]) -> None:
    source = "".join(parts)
    builder = DocumentBuilder()
    write_html(builder, source)
    document = builder.finish("page", "html")
    place = document.place(0, len(document.text))
    assert 0 <= place.start_line <= place.end_line <= source.count("\n") + 1
    assert all(heading.start <= len(document.text) for heading in document.headings)
