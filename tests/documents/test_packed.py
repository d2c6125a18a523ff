"""EPUB and DOCX, and what else a zip file may be."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest

from quoth.documents import Document
from tests.documents.files import CONTAINER, W, archive, docx, epub, paragraph

Reading = Callable[..., Document]
NAV = (
    '<li><a href="one.xhtml">Chapter 1: The Raven</a><ol><li><a href="one.xhtml#deep">A part</a></li></ol></li>'
    '<li><a href="two.xhtml#b">Chapter 2 &amp; more</a></li>'
)
NCX = (
    '<navPoint id="n1"><navLabel><text>First</text></navLabel><content src="one.xhtml"/></navPoint>'
    '<navPoint id="n2"><navLabel><text>Second</text></navLabel><content src="two.xhtml"/></navPoint>'
)
PAGES = {
    "one.xhtml": '<h1>The Raven</h1><p>Once upon a midnight.</p><h2 id="deep">A part</h2><p>Deeper.</p>',
    "more.xhtml": "<p>Goes on.</p>",
    "two.xhtml": '<p id="b">Nevermore &#x2014; he said.</p>',
}


def chapter(document: Document, words: str) -> str:
    start = str(document.text).find(words)
    assert start >= 0, words
    return document.place(start, start + len(words)).chapter


@pytest.mark.parametrize(
    ("contents", "first", "second"),
    [({"nav": NAV}, "Chapter 1: The Raven", "Chapter 2 & more"), ({"ncx": NCX}, "First", "Second")],
)
def test_a_book_has_the_chapters_of_its_contents(
    reading: Reading, contents: dict[str, str], first: str, second: str
) -> None:
    document = reading("book.epub", epub(PAGES, **contents))
    assert document.kind == "epub"
    assert "Nevermore — he said." in str(document.text)
    assert [chapter(document, words) for words in ("midnight", "Goes on", "Nevermore")] == [first, first, second]
    start = str(document.text).find("Nevermore")
    assert document.cite(document.place(start, start + 5)).endswith(f"book.epub, {second}")


def test_without_contents_a_chapter_is_named_by_its_first_heading(reading: Reading) -> None:
    assert chapter(reading("book.epub", epub(PAGES)), "Goes on") == "The Raven"


def test_headings_of_a_book_lie_within_its_chapters(reading: Reading) -> None:
    document = reading("book.epub", epub(PAGES, nav=NAV))
    start = str(document.text).find("Deeper")
    assert document.place(start, start + 1).headings == ("The Raven", "A part")
    assert document.place(start, start + 1).start_line == 0


def test_chapters_of_one_page_are_told_apart_by_their_anchors(reading: Reading) -> None:
    pages = {"all.xhtml": '<h1 id="a">A</h1><p>in a</p><h1 id="b">B</h1><p>in b</p>'}
    nav = '<li><a href="all.xhtml#a">Part A</a></li><li><a href="all.xhtml#b">Part B</a></li>'
    document = reading("book.epub", epub(pages, nav=nav))
    assert (chapter(document, "in a"), chapter(document, "in b")) == ("Part A", "Part B")


def test_a_book_without_pages_is_refused(refusal: Callable[..., str]) -> None:
    assert "a book without pages" in refusal("book.epub", epub({}))


def test_a_word_document_keeps_headings_lists_tables_and_notes(reading: Reading) -> None:
    cell = f"<w:tc>{paragraph('a')}{paragraph('b')}</w:tc><w:tc>{paragraph('10')}</w:tc>"
    item = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>'
    runs = "<w:p><w:r><w:t>Split </w:t></w:r><w:r><w:t>runs</w:t><w:br/><w:t>broken</w:t></w:r></w:p>"
    deleted = (
        "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
        "<w:r><w:instrText>PAGE</w:instrText><w:t>kept</w:t></w:r></w:p>"
    )
    body = (
        f"{paragraph('Top', 'berschrift1')}{runs}{item}{item}<w:tbl><w:tr>{cell}</w:tr><w:tr>{cell}</w:tr></w:tbl>"
        f"{paragraph('Below', 'Mine')}{deleted}"
    )
    notes = f"<w:footnotes {W}><w:footnote>{paragraph('A note.')}</w:footnote></w:footnotes>"
    document = reading("report.docx", docx(body, footnotes=notes))
    assert document.kind == "docx"
    assert str(document.text) == (
        "Top\n\nSplit runs\nbroken\n\n- item\n- item\n\na b | 10\na b | 10\n\nBelow\n\nkept\n\nA note.\n"
    )
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Top"), (2, "Below")]
    start = str(document.text).find("kept")
    assert document.cite(document.place(start, start + 4)).endswith("report.docx, Below")


def test_a_text_box_is_read_once(reading: Reading) -> None:
    box = (
        '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice><w:txbxContent>{paragraph('boxed')}</w:txbxContent></mc:Choice>"
        f"<mc:Fallback><w:txbxContent>{paragraph('boxed')}</w:txbxContent></mc:Fallback>"
        "</mc:AlternateContent><w:t>around</w:t></w:r></w:p>"
    )
    assert str(reading("a.docx", docx(box)).text) == "boxed\n\naround\n"


def test_a_zip_bomb_is_refused_before_it_unpacks(refusal: Callable[..., str]) -> None:
    bomb = docx(paragraph("0" * 40_000_000))
    assert len(bomb) < 200_000
    assert "a zip bomb" in refusal("bomb.docx", bomb)


def test_a_zip_that_lies_about_its_sizes_is_refused(refusal: Callable[..., str]) -> None:
    data = docx(paragraph("0" * 30_000_000))
    size = struct.pack("<L", len(zlib.compress(b"")) + 1)
    at = data.rfind(b"word/document.xml") - 46 + 24  # the size unpacked, in the central directory
    assert "is " in refusal("liar.docx", data[:at] + size + data[at + 4 :])


def test_more_than_the_limit_unpacked_is_refused(refusal: Callable[..., str]) -> None:
    body = "".join(paragraph(f"Line {number} {number**3}") for number in range(2000))
    assert "unpacks without end" in refusal("long.docx", docx(body), 50_000)


def test_too_many_members_are_refused(refusal: Callable[..., str]) -> None:
    members: dict[str, str | bytes] = {f"{number}": "" for number in range(10_001)}
    assert "10,001 members" in refusal("many.docx", archive(members))


def test_declared_entities_are_refused(refusal: Callable[..., str]) -> None:
    laughs = (
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        '<w:document xmlns:w="urn:w"><w:body><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:body></w:document>'
    )
    data = archive({"[Content_Types].xml": "<Types/>", "word/document.xml": laughs})
    assert "it declares XML entities" in refusal("laughs.docx", data)
    book = archive(
        {"META-INF/container.xml": f"<!DOCTYPE a [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{CONTAINER[21:]}"}
    )
    assert "it declares XML entities" in refusal("xxe.epub", book)


@pytest.mark.parametrize("name", ["a.docx", "a.epub"])
def test_an_archive_cut_in_half_is_refused(refusal: Callable[..., str], name: str) -> None:
    data = docx(paragraph("text " * 1000)) if name == "a.docx" else epub(PAGES)
    assert "damaged" in refusal(name, data[: len(data) // 2])


def test_a_flipped_byte_of_a_member_is_noticed(refusal: Callable[..., str]) -> None:
    body = "".join(paragraph(f"Line {number} {number**3}") for number in range(500))
    data = bytearray(docx(body))
    at = data.find(b"word/document.xml") + 400
    data[at] ^= 0xFF
    assert "damaged" in refusal("flip.docx", bytes(data))


def test_any_other_archive_is_refused_by_its_kind(refusal: Callable[..., str]) -> None:
    assert "looks binary (a ZIP archive" in refusal("a.docx", archive({"a.txt": "hello"}))


def test_xml_that_is_broken_is_refused(refusal: Callable[..., str]) -> None:
    data = archive({"[Content_Types].xml": "<Types/>", "word/document.xml": "<w:document><w:p>"})
    assert "is damaged (XML:" in refusal("a.docx", data)


def test_a_member_that_is_missing_is_told(reading: Reading, refusal: Callable[..., str]) -> None:
    assert "it has no OEBPS/book.opf" in refusal("a.epub", archive({"META-INF/container.xml": CONTAINER}))
    item = '<item id="{0}" href="{0}.xhtml" media-type="application/xhtml+xml"/>'
    manifest = f"<manifest>{item.format('a')}{item.format('b')}</manifest>"
    opf = f'<package>{manifest}<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    book = archive({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": opf, "OEBPS/a.xhtml": "<p>here</p>"})
    document = reading("b.epub", book)
    assert document.notices == ("1 of 2 parts are missing from the archive",)
