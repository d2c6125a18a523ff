"""Text is cleaned of everything that could control a terminal."""

from __future__ import annotations

import sys
import unicodedata
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text import Cleaner, clean, one_line, well_formed
from quoth.text.cleaning import HOLD
from tests.rounds import rounds

HOSTILE = st.text(
    st.one_of(
        st.sampled_from("\x1b\x1b\x1b[]P_^X\\\x07\x9b\x9c\x9d\x90\r\n\t\x18\x7f;?0123 (#mHJ"),
        st.sampled_from("\u202e\u2066\u200f\ufeff\u2028\u0085\x0b\U000e0041\ud800\u200d\u200c\ufe0fa é漢👍"),
        st.characters(),
    ),
    max_size=24,
)
BIDI = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def is_safe(character: str) -> bool:
    """Said by the Unicode database, not by the pattern under test."""
    if character in "\n\t":
        return True
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(character) in BIDI:
        return False
    if 0xE0000 <= ord(character) <= 0xE007F or character in "\u061c\u200e\u200f\ufeff":
        return False
    return not (category == "Cf" and (0x2060 <= ord(character) <= 0x206F or 0xFFF9 <= ord(character) <= 0xFFFB))


def fed(pieces: list[str]) -> tuple[str, int]:
    cleaner = Cleaner()
    text = "".join([cleaner.feed(piece) for piece in pieces]) + cleaner.flush()
    return text, cleaner.count


def check_every_split(text: str) -> None:
    whole = clean(text)
    assert all(is_safe(character) for character in whole[0])
    assert clean(whole[0]) == (whole[0], 0)
    assert fed(list(text)) == whole
    for cut in range(len(text) + 1):
        assert fed([text[:cut], "", text[cut:]]) == whole


@given(HOSTILE)
@settings(max_examples=200, deadline=None)
def test_cleaning_is_safe_idempotent_and_blind_to_how_the_text_was_cut(text: str) -> None:
    check_every_split(text)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(HOSTILE)
@settings(max_examples=rounds(20_000), deadline=None)
def test_many_texts_are_safe_idempotent_and_blind_to_every_cut(text: str) -> None:
    check_every_split(text)


def test_every_code_point_is_kept_or_removed_by_its_unicode_properties() -> None:
    characters = [chr(number) for number in range(sys.maxunicode + 1)]
    assert len(characters) == 1_114_112
    safe = "".join(filter(is_safe, characters))
    assert clean(safe) == (safe, 0)
    for character in characters:
        if not is_safe(character):
            newline = character in "\r\x0b\x0c\x85\u2028\u2029"
            assert clean(character) == ("\n" if newline else "", 0 if character == "\r" else 1), (
                f"U+{ord(character):04X}"
            )


@pytest.mark.parametrize(
    ("text", "cleaned", "removed"),
    [
        ("plain, naïve 漢字\n\tand tab", "plain, naïve 漢字\n\tand tab", 0),
        ("\x1b[31mred\x1b[0m", "red", 2),
        ("\x9b31mred", "red", 1),
        ("\x1b[38;2;1;2;3:4 qx", "x", 1),
        ("\x1b]0;title\x07after", "after", 1),
        ("\x1b]52;c;aGVsbG8=\x1b\\after", "after", 1),
        ("\x9d8;;http://a\x9cafter", "after", 1),
        ("\x90dcs\x9c\x98sos\x9c\x9eosc\x9c\x9fapc\x1b\\x", "x", 4),
        ("\x1bP1$r0m\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\x", "x", 4),
        ("\x1b]0;unclosed\nnext", "0;unclosed\nnext", 1),
        ("\x1b]0;unclosed", "0;unclosed", 1),
        ("\x1b]0;a\x1b]0;b\x07c", "0;ac", 2),
        ("\x1b[12", "12", 1),
        ("\x1b[1é2m", "1é2m", 1),
        ("\x1b(B\x1b#8\x1bc\x1b7x", "x", 4),
        ("\x1b\x1b\x1b[1mx", "x", 3),
        ("end\x1b", "end", 1),
        ("a\rb\r\nc\r\r\nd", "a\nb\nc\n\nd", 0),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf", 5),
        ("abc\b\b\bxyz\x07", "abcxyz", 4),
        ("user\u202etxt.exe", "usertxt.exe", 1),
        ("a\U000e0061\U000e007fb\ufeffc\ud800d", "abcd", 4),
        ("👩\u200d🚀 می\u200cخواهم ❤\ufe0f ក\u200bខ", "👩\u200d🚀 می\u200cخواهم ❤\ufe0f ក\u200bខ", 0),
    ],
)
def test_sequences_vanish_as_a_whole_and_are_counted(text: str, cleaned: str, removed: int) -> None:
    assert clean(text) == (cleaned, removed)
    check_every_split(text)


def test_plain_text_is_never_held_back() -> None:
    cleaner = Cleaner()
    assert [cleaner.feed(piece) for piece in ("Hel", "lo\r", "\n", "wor", "ld")] == ["Hel", "lo\n", "", "wor", "ld"]
    assert cleaner.flush() == ""


def test_an_unclosed_string_is_held_back_only_up_to_its_bound() -> None:
    cleaner = Cleaner()
    body = "x" * HOLD
    assert cleaner.feed("\x1b]" + body) == ""
    assert cleaner.feed("x") == body + "x"
    assert cleaner.feed(" flows again") == " flows again"
    assert clean("\x1b]" + body + "\x07") == ("", 1)
    assert clean("\x1b]" + body + "x\x07") == (body + "x", 2)


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]" * 500_000,
        "\x1b[" + "1" * 1_000_000,
        "\x9d" + "a" * 1_000_000,
        ("\x1b]" + "a" * HOLD + "\n") * 250,
        "\x1b" + " " * 1_000_000,
        "\x1b[" + "1;" * 2040 + "\x1b",
    ],
    ids=["introducers", "digits", "unclosed", "just-unclosed", "intermediates", "aborted"],
)
def test_hostile_repetition_takes_linear_time(text: str) -> None:
    began = process_time()
    clean(text)
    assert process_time() - began < 3


def test_digits_that_come_one_by_one_take_no_quadratic_time() -> None:
    cleaner = Cleaner()
    began = process_time()
    shown = "".join(cleaner.feed(piece) for piece in ["\x1b[", *"1" * 20_000]) + cleaner.flush()
    assert shown == "1" * 20_000
    assert process_time() - began < 5


def test_a_name_becomes_one_short_clean_line() -> None:
    assert one_line("a\nb\tc\x1b[2J\u202e.gguf\n") == "a b c.gguf"
    assert one_line("x" * 200) == "x" * 79 + "…"
    assert one_line("x" * 80) == "x" * 80
    assert one_line("name", limit=3) == "na…"


def test_arguments_that_are_not_utf8_become_text_that_utf8_can_hold() -> None:
    argument = b"caf\xe9 \xff".decode("utf-8", "surrogateescape")
    assert well_formed(argument).encode() == "caf\ufffd \ufffd".encode()
    assert well_formed("é漢👍") == "é漢👍"
