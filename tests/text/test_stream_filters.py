"""Pieces of an answer: decoding, stop strings and thoughts do not depend on how it was cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quoth.text import CopiedMarks, StopStrings, Thinking
from tests.rounds import rounds


def cuts(text: str) -> Iterator[list[str]]:
    """A text whole, in two at every place, and in single characters."""
    yield [text]
    yield list(text)
    for cut in range(1, len(text)):
        yield [text[:cut], "", text[cut:]]


# Stop strings


def until_stop(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    stop = StopStrings(stops)
    shown = ""
    for piece in pieces:
        text, stopped = stop.feed(piece)
        shown += text
        if stopped:
            return shown, True
    return shown + stop.flush(), False


def check_stops(stops: list[str], text: str) -> None:
    ends = [(text.find(s) + len(s), text.find(s)) for s in stops if s and s in text]
    expected = (text[: min(ends)[1]], True) if ends else (text, False)
    for pieces in cuts(text):
        assert until_stop(stops, pieces) == expected


STOPS = st.lists(st.text("abc", max_size=5), max_size=3)
SMALL = st.text("abc\n", max_size=14)


@given(STOPS, SMALL)
@settings(max_examples=200, deadline=None)
def test_the_text_before_the_first_stop_is_shown_however_it_was_cut(stops: list[str], text: str) -> None:
    check_stops(stops, text)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(STOPS, SMALL)
@settings(max_examples=rounds(20_000), deadline=None)
def test_many_texts_end_before_the_first_stop(stops: list[str], text: str) -> None:
    check_stops(stops, text)


def test_only_what_may_become_a_stop_is_held_back() -> None:
    stop = StopStrings(["\nUser:", "</s>"])
    assert stop.feed("Hello\n") == ("Hello", False)
    assert stop.feed("Us") == ("", False)
    assert stop.feed("eless</") == ("\nUseless", False)
    assert stop.feed("s>ignored") == ("", True)
    assert stop.feed("more") == ("", True)
    assert stop.flush() == ""


def test_without_stops_everything_is_shown_at_once() -> None:
    assert StopStrings([]).feed("text") == ("text", False)
    assert StopStrings([""]).feed("text") == ("text", False)


# Thinking


def told_apart(
    pieces: list[str],
    inside: bool = False,
    marks: tuple[str, str] = ("<think>", "</think>"),
    drop: tuple[str, ...] = (),
) -> list[str]:
    """The parts, neighbours of one kind joined: "T:..." and "A:..."."""
    thinking = Thinking(*marks, inside, drop)
    parts = [part for piece in pieces for part in thinking.feed(piece)] + thinking.flush()
    assert all(text for _, text in parts)
    grouped = groupby(parts, key=lambda part: part[0])
    return [f"{kind[0].upper()}:" + "".join(text for _, text in group) for kind, group in grouped]


@pytest.mark.parametrize(
    ("text", "inside", "parts"),
    [
        ("just an answer", False, ["A:just an answer"]),
        ("<think>why</think>\n\nBlue.\n", False, ["T:why", "A:Blue.\n"]),
        ("\n <think>why</think>Blue.", False, ["T:why", "A:Blue."]),
        ("why</think>\n\nBlue.", True, ["T:why", "A:Blue."]),
        ("<think></think>\n\nBlue.", False, ["A:Blue."]),
        ("<think>a</think>\n<think>b</think>\nBlue.", False, ["T:ab", "A:Blue."]),
        ("<think>never closed", False, ["T:never closed"]),
        ("<think>cut </thi", False, ["T:cut </thi"]),
        ("\n\n  indented", False, ["A:\n\n  indented"]),
        ("<thi", False, ["A:<thi"]),
        ("Write <think> to think </think>.", False, ["A:Write <think> to think </think>."]),
        ("<think>a</think>\n\n \n  code", False, ["T:a", "A: \n  code"]),
        ("<think>a < b</think>yes", False, ["T:a < b", "A:yes"]),
        ("", False, []),
        ("\n", False, ["A:\n"]),
    ],
)
def test_thoughts_are_told_from_the_answer_however_the_text_was_cut(text: str, inside: bool, parts: list[str]) -> None:
    for pieces in cuts(text):
        assert told_apart(pieces, inside) == parts


def test_a_model_without_marks_only_answers() -> None:
    assert told_apart(["<think>", " text"], marks=("", "")) == ["A:<think> text"]
    assert told_apart(["<think>", " text"], marks=("<think>", "")) == ["A:<think> text"]
    assert told_apart(["text"], inside=True, marks=("", "")) == ["A:text"]
    assert told_apart(["why</t>\n \nyes"], inside=True, marks=("", "</t>")) == ["T:why", "A: \nyes"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<final>\nYes.", ["A:Yes."]),
        ("<think>why</think><start><final>Yes.", ["T:why", "A:Yes."]),
        ("<start>" * 2000 + "Yes.", ["A:Yes."]),
        ("Yes. <final> stays", ["A:Yes. <final> stays"]),
        ("<fin", ["A:<fin"]),
    ],
    ids=["one", "after a thought", "many", "within", "unfinished"],
)
def test_headers_are_dropped_where_an_answer_begins(text: str, parts: list[str]) -> None:
    for pieces in [[text], *(cuts(text) if len(text) < 100 else [])]:
        assert told_apart(pieces, drop=("<start>", "<final>")) == parts


# Marks that are copied


def without_marks(pieces: list[str]) -> str:
    copied = CopiedMarks("<text>", "</text>")
    return "".join(map(copied.feed, pieces)) + copied.flush()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<text>\napple\nfig\n</text>", "apple\nfig"),
        ("\n <text>\napple</text>\nThat is all.", "apple\nThat is all."),
        ("<text>apple\n</tex", "apple\n</tex"),
        ("<text>\n\n  apple\n\n", "  apple\n\n"),
        ("<texture> is a word, <text> a tag </text>", "<texture> is a word, <text> a tag </text>"),
        ("Here:\n<text>\napple\n</text>", "Here:\n<text>\napple\n</text>"),
        ("<te", "<te"),
        (" \n", " \n"),
        ("<text>\n", "\n"),
        ("", ""),
    ],
)
def test_marks_around_an_answer_are_taken_away_however_it_was_cut(text: str, shown: str) -> None:
    for pieces in cuts(text):
        assert without_marks(pieces) == shown


def test_only_what_may_become_a_mark_is_held_back() -> None:
    copied = CopiedMarks("<text>", "</text>")
    fed = [copied.feed(piece) for piece in ("<te", "xt>", "\n", "app", "le\n", "fig\n<", "/text>", "more")]
    assert fed == ["", "", "", "app", "le", "\nfig", "", "more"]


MARKED = st.lists(st.sampled_from(["<t>", "</t>", "<", "t>", "/", "\n", " ", "a", "</t>\n\n"]), max_size=8).map("".join)


def check_thinking(text: str, inside: bool) -> None:
    whole = told_apart([text], inside, ("<t>", "</t>"))
    for pieces in cuts(text):
        assert told_apart(pieces, inside, ("<t>", "</t>")) == whole


@given(MARKED, st.booleans())
@settings(max_examples=200, deadline=None)
def test_thoughts_do_not_depend_on_cuts(text: str, inside: bool) -> None:
    check_thinking(text, inside)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(MARKED, st.booleans())
@settings(max_examples=rounds(20_000), deadline=None)
def test_thoughts_of_many_texts_do_not_depend_on_cuts(text: str, inside: bool) -> None:
    check_thinking(text, inside)


def test_a_thought_and_an_answer_are_passed_on_as_they_come() -> None:
    thinking = Thinking("<think>", "</think>")
    fed = [thinking.feed(piece) for piece in ("<think>", "so", " it", " is</th", "ink>\n", "\nBl", "ue")]
    assert fed == [
        [],
        [("thought", "so")],
        [("thought", " it")],
        [("thought", " is")],
        [],
        [("answer", "Bl")],
        [("answer", "ue")],
    ]
