"""Bytes of pipes and files become text, or are refused by what they look like."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.errors import Exit, InputError
from quoth.text import Decoded, decode_input


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding: str) -> None:
    assert decode_input("naïve 漢字 👍\n".encode(encoding)).text == "naïve 漢字 👍\n"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\x00\x00\xfe\xff", "utf-32-be")],
)
def test_both_byte_orders_are_read_and_named(mark: bytes, encoding: str) -> None:
    decoded = decode_input(mark + "é漢".encode(encoding))
    assert decoded == Decoded("é漢", encoding, 0)
    assert decoded.notice == f"read as {encoding.upper()}"


@pytest.mark.parametrize(
    ("data", "text", "replaced"),
    [
        (b"", "", 0),
        (b"plain", "plain", 0),
        (b"a\xff b", "a\ufffd b", 1),
        (b"\xf7\xbf\xbf\xbf", "\ufffd" * 4, 4),
        (b"cut \xe2\x82", "cut \ufffd", 2),
        ("already \ufffd here".encode(), "already \ufffd here", 0),
        ("already \ufffd ".encode() + b"\xc0", "already \ufffd \ufffd", 1),
        (b"\xed\xa0\x80", "\ufffd" * 3, 3),
        (b"\xff\xfea\x00b", "a\ufffd", 1),
        (b"\xff\xfe\x00\xd8a\x00", "\ufffda", 2),
    ],
)
def test_bytes_that_are_not_of_the_encoding_are_replaced_and_counted(data: bytes, text: str, replaced: int) -> None:
    decoded = decode_input(data)
    assert (decoded.text, decoded.replaced) == (text, replaced)


def test_a_person_is_told_what_was_replaced() -> None:
    assert decode_input(b"ok").notice == ""
    assert decode_input(b"\xff").notice == "1 byte that is not UTF-8 was replaced"
    assert decode_input(b"\xf7\xbf\xbf\xbf").notice == "4 bytes that are not UTF-8 were replaced"
    assert decode_input(b"\xff\xfeab").notice == "read as UTF-16-LE"


def test_line_endings_become_newlines() -> None:
    assert decode_input(b"a\r\nb\rc\n\r\nd").text == "a\nb\nc\n\nd"


@given(st.binary(max_size=64))
@settings(max_examples=200, deadline=None)
def test_any_bytes_become_text_for_a_tokenizer_or_are_refused(data: bytes) -> None:
    try:
        decoded = decode_input(data)
    except InputError:
        assert not data.startswith((b"\xff\xfe", b"\xfe\xff"))
    else:
        decoded.text.encode("utf-8")
        assert "\r" not in decoded.text
        assert 0 <= decoded.replaced <= len(data)


def zip_of_one_file() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<a/>" * 10)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "PDF"),
        (zip_of_one_file(), "ZIP"),
        (gzip.compress(b"text", mtime=0), "gzip"),
        (b"\x7fELF\x02\x01\x01\x00", "ELF"),
        (b"GGUF\x03\x00\x00\x00", "GGUF"),
        ("text".encode("utf-16-le") * 5, "UTF-16LE"),
        ("text".encode("utf-16-be") * 5, "UTF-16BE"),
        (b"some\x00thing", "NUL"),
        (b"x" * 8191 + b"\x00", "NUL"),
    ],
)
def test_binary_data_is_refused_by_what_it_looks_like(data: bytes, looks_like: str) -> None:
    with pytest.raises(InputError, match=r"notes\.bin looks binary") as caught:
        decode_input(data, "notes.bin")
    assert looks_like in str(caught.value)
    assert caught.value.exit_code == Exit.INPUT
    assert caught.value.try_


def test_a_nul_far_behind_and_text_about_a_format_are_text() -> None:
    assert decode_input(b"x" * 8192 + b"\x00").text.endswith("x\x00")
    assert decode_input(b"%PDF-1.7 is the first line of a PDF\n").text.startswith("%PDF")
    assert decode_input(b"BZhang wrote this\n").text == "BZhang wrote this\n"
