"""Bytes to text: byte order marks, UTF-16 without one, older encodings, and what is none of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quoth.documents import Document
from quoth.documents.raw_document import CHUNK

Reading = Callable[..., Document]
ENGLISH = "The maintainer’s name — and address.\nSecond line\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed(reading: Reading, encoding: str) -> None:
    document = reading("a.txt", ENGLISH.encode(encoding))
    assert str(document.text) == ENGLISH


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_by_their_zeros(reading: Reading, encoding: str) -> None:
    document = reading("a.txt", ENGLISH.encode(encoding))
    assert str(document.text) == ENGLISH
    assert document.notices == (f"read as {encoding.upper()}",)


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("cp1252", "Le café à côté de l’école était fermé; ça m’a déçu."),
        ("cp1252", "Il est là : «\u00a0voilà\u00a0». Où vas-tu\u00a0? Très loin\u00a0! Déjà prêt\u00a0; ça va\u00a0?"),
        ("cp1252", "Die Größe der Straße über München ist für die Bürger schön."),
        ("cp1250", "Zażółć gęślą jaźń i pójdź do łąki, proszę."),
        ("cp1251", "Съешь ещё этих мягких французских булок, да выпей чаю."),
        ("koi8-r", "Съешь ещё этих мягких французских булок, да выпей чаю."),
        ("cp1253", "Η γλώσσα είναι το σπίτι της σκέψης μας και ο κόσμος."),
        ("shift_jis", "これは日本語の文章です。文字コードを判定します。"),
        ("euc_jp", "これは日本語の文章です。文字コードを判定します。"),
        ("gb18030", "软件包维护者必须遵守以下规则，并且说明许可证。"),
        ("big5", "軟體套件維護者必須遵守以下規則，並且說明授權。"),
        ("euc_kr", "패키지 관리자는 다음 규칙을 따라야 합니다."),
    ],
)
def test_older_encodings_are_detected_and_told(reading: Reading, encoding: str, sentence: str) -> None:
    document = reading("old.txt", f"The first line.\n{sentence}\n".encode(encoding))
    assert str(document.text) == f"The first line.\n{sentence}\n"
    assert document.notices[0].startswith("read as ")


def test_one_accent_in_a_word_is_enough_for_western_text(reading: Reading) -> None:
    assert str(reading("a.txt", b"a caf\xe9\n").text) == "a café\n"


@pytest.mark.parametrize(
    ("data", "count"),
    [(b"a \xff b\n", "1 byte that is"), (b"a \xf7\xbf\xbf\xbf b\n", "4 bytes that are"), (b"cut \xc3", "1 byte")],
)
def test_bytes_of_no_encoding_are_replaced_and_counted(reading: Reading, data: bytes, count: str) -> None:
    document = reading("a.txt", data)
    assert "\ufffd" in str(document.text)
    assert count in document.notices[0]


def test_a_file_of_mixed_encodings_stays_utf_8_and_loses_only_the_odd_bytes(reading: Reading) -> None:
    document = reading("mixed.txt", "gut größe\n".encode() * 30 + b"sch\xf6n\n" * 3)
    assert str(document.text).count("größe") == 30
    assert str(document.text).endswith("sch\ufffdn\n")
    assert document.notices == ("3 bytes that are not UTF-8 were replaced",)


def test_a_replacement_sign_that_was_there_already_is_not_counted(reading: Reading) -> None:
    assert reading("a.txt", "a \ufffd b".encode()).notices == ()
    assert reading("b.txt", b"\xef\xbb\xbf" + "a \ufffd b".encode()).notices == ()


@pytest.mark.parametrize("character", ["é", "中", "😀", "\r\n"])
def test_a_character_on_the_border_of_two_chunks_stays_whole(reading: Reading, character: str) -> None:
    raw = character.encode()
    for shift in range(len(raw) + 1):
        data = b"x" * (CHUNK - shift) + raw + b"end"
        assert str(reading("a.txt", data).text).endswith(f"x{character}end".replace("\r\n", "\n"))


def test_nuls_behind_the_first_8_kb_are_replaced_and_counted(reading: Reading) -> None:
    document = reading("log.txt", b"line of text\n" * 1000 + b"a\0\0b\n")
    assert str(document.text).endswith("a\ufffd\ufffdb\n")
    assert document.notices == ("2 NULs were replaced",)


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        (b"text\0more" * 50, "NUL"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4, "PNG"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "ELF"),
    ],
)
def test_a_binary_named_txt_is_refused(refusal: Callable[..., str], data: bytes, looks_like: str) -> None:
    sentence = refusal("notes.txt", data)
    assert "looks binary" in sentence
    assert looks_like in sentence
