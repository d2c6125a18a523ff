"""Answers that repeat themselves are told from lists and tables."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import chain, count, islice, repeat, takewhile
from timeit import repeat as timed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text import LoopDetector
from quoth.text.loops import LONGEST_CYCLE, Cycles, fill, shown


def pieces(text: str) -> list[str]:
    """A text in words, signs and single digits, much as a tokenizer cuts it."""
    found: list[str] = []
    for character in text:
        if found and character.isalpha() and (found[-1][-1].isalpha() or found[-1] == " "):
            found[-1] += character
        else:
            found.append(character)
    return found


def ends_after(texts: Iterable[str]) -> int | None:
    """The number of tokens after which an answer is in a loop; None: it never is."""
    detector, ids = LoopDetector(), count()
    known: dict[str, int] = {}
    tokens = ((known.setdefault(text, next(ids)), text.encode()) for text in texts)
    return next((number for number, (token, piece) in enumerate(tokens, 1) if detector.feed(token, piece)), None)


def lines(*texts: str, times: int) -> Iterable[str]:
    return chain.from_iterable(repeat(pieces("\n".join(texts) + "\n"), times))


@pytest.mark.parametrize(
    ("cycle", "most"),
    [
        (["ha"], 256),
        (["positive"], 256),
        (["a: yes"], 512),
        (["The sky is blue because of the light that the air scatters."], 512),
        (["Roses are red,", "violets are blue,", "sugar is sweet,", "and so are you.", ""], 512),
        (["one two three four five six seven eight nine ten eleven twelve"] * 4 + ["and a line between them"], 1024),
    ],
)
def test_a_cycle_of_a_token_or_of_several_lines_ends(cycle: Sequence[str], most: int) -> None:
    beginning = pieces("Here is what you asked for.\n\n")
    ended = ends_after([*beginning, *islice(lines(*cycle, times=1000), 3000)])
    assert ended is not None
    assert ended <= len(beginning) + most


def numbered(line: str, times: int) -> list[str]:
    return pieces("".join(line.format(number) + "\n" for number in range(1, times + 1)))


@pytest.mark.parametrize("line", ["{}. positive", "Line {}: The answer is yes.", "{}) 是的"])
def test_lines_that_differ_in_their_number_alone_end(line: str) -> None:
    ended = ends_after(numbered(line, 1000))
    assert ended is not None
    said = "".join(islice(numbered(line, 1000), ended))
    assert 50 < said.count("\n") <= 512


@pytest.mark.parametrize(
    "texts",
    [
        lines("0", times=120),
        lines("positive", times=100),
        lines("| 0 | 0 | 0 |", times=36),
        lines("{'x': 0},", times=50),
        numbered("{}. yes", 100),
        numbered("user{}@example.com", 100),
        numbered("{}", 3000),
        numbered("7 × {} =", 100),
        [chr(0x4E00 + number % 200) for number in range(2000)],  # a cycle of 200
    ],
    ids=["zeros", "labels", "table", "objects", "list", "addresses", "counting", "multiples", "long cycle"],
)
def test_what_may_have_been_asked_for_goes_on(texts: Iterable[str]) -> None:
    assert ends_after(texts) is None


def test_a_cycle_that_is_broken_again_and_again_is_no_loop() -> None:
    assert ends_after(([*"abc"] * 80 + ["d"]) * 20) is None


def repeating(tokens: str) -> list[bool]:
    detector = LoopDetector()
    said = []
    for token in tokens:
        detector.feed(ord(token), token.encode())
        said.append(detector.repeating)
    return said


def test_a_repetition_is_noticed_after_whole_cycles_and_is_over_with_the_first_other_token() -> None:
    said = repeating("so: " + "yes\n" * 20 + "no")
    begins = len("so: " + "yes\n" * 6) - 1
    assert said == [False] * begins + [True] * (14 * 4 + 1) + [False] * 2


TOKENS = st.lists(st.integers(0, 2), max_size=80)


@given(TOKENS)
@settings(max_examples=200, deadline=None)
def test_cycles_are_those_of_the_definition(tokens: list[int]) -> None:
    cycles = Cycles()
    for number, token in enumerate(tokens, 1):
        found = cycles.feed(token)
        for period in range(1, number):
            same = list(takewhile(lambda i: tokens[i] == tokens[i - period], range(number - 1, period - 1, -1)))  # noqa: B023
            assert found.get(period, period) == len(same) + period


def test_a_loop_is_many_times_more_than_what_is_shown_of_it() -> None:
    for period in range(1, LONGEST_CYCLE + 1):
        assert shown(period) % period == 0
        assert 256 <= fill(period) <= 6 * LONGEST_CYCLE
        assert shown(period) < fill(period)


@pytest.mark.parametrize("vocabulary", [49_152, 40, 1])
def test_the_detector_costs_microseconds_a_token(vocabulary: int) -> None:
    choose = random.Random(7)
    tokens = [choose.randrange(vocabulary) for _ in range(2000)]

    def watch() -> None:
        detector = LoopDetector()
        for token in tokens:
            detector.feed(token, b" word")

    seconds = min(timed(watch, number=1, repeat=5))
    assert seconds / len(tokens) < 200e-6  # 10 µs on an idle machine, 30 in a loop
