"""PDF: pages, paragraphs, hyphens, running heads; what has no text is refused with a sentence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from quoth.documents import Document
from quoth.documents.formats.pdf.fonts import _has_space
from quoth.documents.formats.pdf.lines import Paragraphs, without_running_lines
from tests.documents.files import encrypted, pdf, with_bookmarks

Reading = Callable[..., Document]

FULL = "Every maintainer has to keep the promises that the archive makes to its users and"
PAGES = [
    ["The Manual, Release 4", "1 Scope", FULL, "to other maintainers. It is short.", "Second paragraph.", "1"],
    ["The Manual, Release 4", FULL, "never breaks them, which is the main-", "tenance of trust.", "2"],
    ["The Manual, Release 4", "2 Priorities", "A last page.", "3"],
]


def test_pages_become_paragraphs_without_what_runs_along(reading: Reading) -> None:
    document = reading("report.pdf", pdf(PAGES))
    assert document.kind == "pdf"
    assert str(document.text) == (
        f"1 Scope\n{FULL} to other maintainers. It is short.\n\nSecond paragraph.\n\n"
        f"{FULL} never breaks them, which is the maintenance of trust.\n\n2 Priorities\nA last page.\n"
    )
    assert document.notices == ("running heads and page numbers were left out on 3 pages",)


def test_every_stretch_has_its_page_and_is_cited_by_it(reading: Reading) -> None:
    document = reading("report.pdf", pdf(PAGES))
    start, end = str(document.text).find("Second"), str(document.text).find("tenance")
    assert document.cite(document.place(start, start + 6)).endswith("report.pdf p.1")
    assert document.cite(document.place(start, end)).endswith("report.pdf p.1-2")
    last = str(document.text).find("A last page")
    assert document.place(last, last + 4).page == 3
    assert document.place(last, last + 4).start_line == 0


def test_a_paragraph_goes_on_over_the_border_of_a_page(reading: Reading) -> None:
    document = reading("a.pdf", pdf([[FULL, FULL], ["goes on here.", FULL]]))
    assert f"{FULL} {FULL} goes on here." in str(document.text)
    at = str(document.text).find("goes on here")
    assert (document.place(at - 10, at - 5).page, document.place(at, at + 5).page) == (1, 2)
    assert document.cite(document.place(at - 10, at + 5)).endswith("a.pdf p.1-2")


def test_bookmarks_are_headings_where_their_titles_stand(reading: Reading) -> None:
    document = reading("a.pdf", with_bookmarks(pdf(PAGES), [("Scope", 1), ("Priorities", 3)]))
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "1 Scope"), (1, "2 Priorities")]
    start = str(document.text).find("A last page")
    assert document.place(start, start + 1).headings == ("2 Priorities",)


def test_hyphens_are_joined_as_the_document_writes_the_word_elsewhere() -> None:
    wide = "x" * 80
    lines = [
        (1, "well-known maintenance"),
        (1, f"{wide} main-"),
        (1, f"tenance {wide} well-"),
        (1, f"known {wide} pre\u00ad"),
        (1, "fix"),
    ]
    paragraphs = Paragraphs([[text for _, text in lines]])
    text = " ".join(part for parts, _ in paragraphs.join(lines) for _, part in parts)
    assert "maintenance" in text
    assert f"well-known {wide}" in text
    assert "prefix" in text


def test_a_hyphen_between_two_words_of_the_document_stays() -> None:
    paragraphs = Paragraphs([["the user likes the", "interface of the user", "a user-"]])
    parts = list(paragraphs.join([(1, "a user-"), (1, "interface")]))
    assert parts[0][0] == [(1, "a user-interface")]


def test_items_of_a_list_are_not_joined() -> None:
    lines = [(1, FULL), (1, "• one thing"), (1, "• another thing"), (1, "2. third")]
    paragraphs = Paragraphs([[text for _, text in lines]])
    assert [parts[0][1] for parts, _ in paragraphs.join(lines)] == [text for _, text in lines]


def test_heads_that_change_with_the_page_number_are_left_out_and_a_numbered_title_is_not() -> None:
    words = ["raven", "midnight", "lamp", "bust", "door", "floor", "shore", "chamber"]
    bodies = [[f"Of the {word}", f"It was the {word} only."] for word in words]
    bodies[2][0] = "3 Of the lamp"
    feet = [f"{number + 11} Chapter 2. Birds" if number % 2 else f"2.5. Birds {number + 11}" for number in range(8)]
    pages = [["The Raven", *body, foot] for body, foot in zip(bodies, feet, strict=True)]
    assert without_running_lines(pages) == (bodies, 8)


def test_a_short_document_loses_no_line() -> None:
    pages = [["Same title", "text one"], ["Same title", "text two"]]
    assert without_running_lines(pages) == (pages, 0)


def test_a_page_without_text_is_told(reading: Reading) -> None:
    document = reading("a.pdf", pdf([["words"], [], ["more"], []]))
    assert document.notices == ("pages 2 and 4 have no text",)


def test_a_pdf_of_images_is_refused_with_the_way_out(refusal: Callable[..., str]) -> None:
    sentence = refusal("scan.pdf", pdf([[], [], []]))
    assert "has no text layer (3 pages of images)" in sentence
    assert "ocrmypdf" in sentence


def test_an_encrypted_pdf_is_refused_and_one_with_an_empty_password_is_read(
    reading: Reading, refusal: Callable[..., str]
) -> None:
    assert "is encrypted (it needs a password)" in refusal("a.pdf", encrypted(pdf(PAGES), user="secret"))
    assert "A last page." in str(reading("b.pdf", encrypted(pdf(PAGES), user="")).text)


def test_a_pdf_cut_anywhere_is_refused_or_whole(refusal: Callable[..., str]) -> None:
    whole = pdf(PAGES)
    for tenths in range(1, 10):
        assert "is cut short" in refusal("cut.pdf", whole[: len(whole) * tenths // 10])


def test_a_damaged_pdf_is_refused(refusal: Callable[..., str]) -> None:
    assert "damaged PDF" in refusal("bad.pdf", b"%PDF-1.4\n" + b"rubbish " * 300 + b"\n%%EOF\n")


def test_a_damaged_pdf_leaves_the_terminal_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf(PAGES).replace(b"0000000009", b"0000000007"))
    code = "import sys; from quoth.documents import read; print(len(read(sys.argv[1], limit=10**6).text) > 100)"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_a_font_without_a_space_is_known_by_its_map_to_unicode() -> None:
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    def font(cmap: bytes) -> DictionaryObject:
        stream = DecodedStreamObject()
        stream.set_data(cmap)
        return DictionaryObject({NameObject("/ToUnicode"): stream})

    assert _has_space(font(b"1 beginbfchar <0003> <0020> endbfchar"))
    assert _has_space(font(b"1 beginbfrange <0003> <0005> <0020> endbfrange"))
    assert not _has_space(font(b"1 beginbfchar <0020> <005B> endbfchar 1 beginbfrange <0003> <0005> <0041> endbfrange"))
    assert not _has_space(font(b"2 beginbfchar <0003> <00A0> <0004> <0041> endbfchar"))  # a no-break space alone
