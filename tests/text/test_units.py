"""Counts, bytes and seconds as people read them."""

from __future__ import annotations

import pytest

from quoth.text.units import counted, format_duration, format_megabytes, format_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (98_362, "98 kB"),
        (98_362_432, "98 MB"),
        (999_000_000, "999 MB"),
        (1_000_000_000, "1.0 GB"),
        (2_497_281_120, "2.5 GB"),
    ],
)
def test_sizes_are_in_powers_of_ten(size: int, text: str) -> None:
    assert format_size(size) == text


def test_sizes_that_are_compared_have_one_unit() -> None:
    assert [format_megabytes(size) for size in (98_362_432, 2_497_281_120)] == ["98 MB", "2,497 MB"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8 s"), (99, "99 s"), (100, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_seconds_are_in_the_largest_unit_that_says_something(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "things", "text"),
    [
        (1, "passages", "1 passage"),
        (0, "passages", "0 passages"),
        (1, "groups of notes", "1 group of notes"),
        (1, "MB", "1 MB"),
        (1204, "tokens", "1,204 tokens"),
    ],
)
def test_one_thing_is_in_the_singular(number: int, things: str, text: str) -> None:
    assert counted(number, things) == text
