"""A long text is a string in pieces."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text import long_text
from quoth.text.long_text import LongText
from tests.rounds import rounds

TEXTS = st.lists(st.text("ab\n😀", max_size=30), max_size=12)
OFFSETS = st.none() | st.integers(-200, 200)


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_text, "PIECE", 8)
        yield


@given(TEXTS, OFFSETS, OFFSETS)
@settings(max_examples=rounds(500))
def test_slices_are_those_of_the_string(texts: list[str], start: int | None, stop: int | None) -> None:
    text, whole = LongText(texts), "".join(texts)
    assert text[start:stop] == whole[start:stop]
    assert str(text) == "".join(text) == whole
    assert len(text) == len(whole)
    assert all(0 < len(piece) <= 8 for piece in text)


def test_short_texts_share_a_piece() -> None:
    assert list(LongText("abcdefghij")) == ["abcdefgh", "ij"]


def test_a_slice_with_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match="step 1"):
        LongText(["abc"])[::2]


@pytest.mark.parametrize(
    "word",
    [
        "“quoted” ",
        *(pytest.param(word, marks=pytest.mark.long) for word in ("smile 😀 and on and on ", "汉字", "plain ")),
    ],
)
def test_a_text_takes_little_more_memory_than_its_utf8(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_text, "PIECE", 64 * 1024)
    piece = word * (64 * 1024 // len(word))
    tracemalloc.start()
    try:
        text = LongText("".join(list(piece)) for _ in range(40))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert str(text) == piece * 40
    assert taken < 1.1 * 40 * len(piece.encode()) + 1_000_000
