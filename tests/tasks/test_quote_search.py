"""A quote is looked up in its source: verbatim but for white space and typographic marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quoth.tasks.quote_search import find_quote

TEXT = "The keeper’s lamp — “bright as\n  day” — burns until 6:30.  Ships see it\nfrom afar."


@pytest.mark.parametrize(
    ("quote", "where"),
    [
        ("burns until 6:30.", "burns until 6:30."),
        ("Ships see it from afar.", "Ships see it\nfrom afar."),
        ('"Ships see it from afar."', "Ships see it\nfrom afar."),
        ("The keeper's lamp", "The keeper’s lamp"),
        ('"bright as day"', "bright as\n  day"),
        ("lamp - “bright", "lamp — “bright"),
        ("ships see it", "Ships see it"),
        ("burns until 6:30...", "burns until 6:30"),
    ],
)
def test_a_quote_is_found_where_it_stands(quote: str, where: str) -> None:
    found = find_quote(quote, TEXT)
    assert found is not None
    assert TEXT[found[0] : found[1]].startswith(where)


@pytest.mark.parametrize(
    "quote", ["", "  ", "...", '""', "burns until 7:30.", "Ships from afar", "burns.*afar", "lamp ship"]
)
def test_what_does_not_stand_there_is_not_found(quote: str) -> None:
    assert find_quote(quote, TEXT) is None


@given(st.text(min_size=1, max_size=80), st.data())
def test_any_stretch_of_a_text_is_found_in_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    quote = text[start : data.draw(st.integers(start + 1, len(text)))]
    found = find_quote(quote, text)
    if found is not None:
        assert text[found[0] : found[1]].strip()
    elif quote.strip(" \t\r\n\"'“”‘’«»「」.…"):
        assert not all(character.isalnum() for character in quote)
