"""Summaries by small models: what each part says, checked, the most telling of it, in order."""

from __future__ import annotations

import re

import pytest

from quoth.engine import Notice, Request
from quoth.tasks.summaries.fact_summary import facts_of_a_part, is_whole, sentences_of
from quoth.tasks.summaries.summary import Noted, Sentence, SummaryOptions
from tests.tasks.summarizing import SMALL, Kept, end, events, said, summary
from tests.tasks.texts import HARBOURS, asked_text, collection, harbours


def opened(request: Request) -> str:
    """A model that says of each harbour when it was opened, and then something that nobody wrote."""
    found = re.findall(r"The harbour of \w+ was opened in \d+", asked_text(request))
    lines = [*found, "Dragons guard its golden treasure"]
    return "\n".join(f"{n}. {line}." for n, line in enumerate(lines, 1)).removeprefix("1.")  # the list is begun


def chinese(request: Request) -> str:
    text = asked_text(request)
    year = re.findall(r"\d{4}", text.rpartition("harbour of")[2])[0]
    return opened(request) if "Translate" not in text else f"港口于{year}年开放。"


def test_every_part_is_read_once_and_the_summary_keeps_the_texts_order() -> None:
    parts = collection(harbours(8))
    found, engine = events(parts, opened, info=SMALL)
    assert len(engine.requests) == len(parts)
    for number, text in enumerate(parts.texts()):
        assert text.strip("\n") in asked_text(engine.requests[number])
    years = [int(year) for event in said(found) for year in re.findall(r"18\d\d", event.text)]
    assert len(years) > 4
    assert years == sorted(years)
    assert "Dragons" not in summary(found)
    assert (end(found).dropped, end(found).reason, end(found).extracted) == (0, "stop", False)
    assert end(found).unsupported == len(parts)


def test_each_fact_cites_the_sentence_that_it_is_from() -> None:
    parts = collection(harbours(8))
    found, _ = events(parts, opened, info=SMALL)
    for event in said(found):
        name = next(name for name in HARBOURS if name in event.text)
        assert name in parts.documents[0].text[event.spans[0].start : event.spans[0].end]


def test_what_was_noted_before_is_not_asked_again_nor_checked() -> None:
    kept = Kept()
    first, _ = events(collection(harbours(24)), opened, info=SMALL, cache=kept)
    again, engine = events(collection(harbours(24)), opened, info=SMALL, cache=kept)
    assert not engine.requests
    assert summary(again) == summary(first)
    assert end(again).known == end(again).parts


def test_sentences_that_describe_the_text_are_left_out() -> None:
    def describing(request: Request) -> str:
        return f" The text discusses the harbours of the county.\n2.{opened(request)}"

    found, _ = events(collection(harbours(8)), describing, info=SMALL)
    assert said(found)
    assert "discusses" not in summary(found)


def test_a_model_of_which_nothing_holds_leaves_the_texts_own_sentences_and_says_so() -> None:
    parts = collection(harbours(8))
    found, _ = events(parts, lambda _: " Dragons guard its golden treasure.", info=SMALL)
    whole = " ".join(str(parts.documents[0].text).split())
    assert said(found)
    assert all(event.text in whole for event in said(found))
    assert end(found).extracted
    assert any(
        "nothing that the model wrote is supported" in event.text for event in found if isinstance(event, Notice)
    )


@pytest.mark.parametrize("style", ["prose", "bullets"])
def test_chinese_sentences_follow_each_other_without_a_space(style: str) -> None:
    options = SummaryOptions(60, style=style, language="Chinese")  # type: ignore[arg-type]  # a style
    found, _ = events(collection(harbours(8)), chinese, options, info=SMALL)
    between = "" if style == "prose" else "\n- "
    assert re.fullmatch(rf"(?:- )?港口于18\d\d年开放。(?:{between}港口于18\d\d年开放。)+", summary(found))


def test_a_stopped_summary_says_nothing_and_keeps_its_notes() -> None:
    kept, noted = Kept(), list[int]()

    def stopping(request: Request) -> str:
        noted.append(1)
        return opened(request)

    found, _ = events(collection(harbours(24)), stopping, info=SMALL, cache=kept, cancelled=lambda: len(noted) > 3)
    assert not said(found)
    assert end(found).reason == "cancelled"
    assert 0 < len([event for event in found if isinstance(event, Noted)]) < 5
    again, _ = events(collection(harbours(24)), opened, info=SMALL, cache=kept)
    assert end(again).known >= 3


@pytest.mark.parametrize(
    ("parts", "sentences", "facts"), [(1, 8, 5), (4, 8, 3), (8, 8, 2), (11, 8, 1), (400, 8, 1), (2, 1, 1)]
)
def test_parts_are_asked_for_a_few_more_facts_than_there_is_room_for(parts: int, sentences: int, facts: int) -> None:
    assert facts_of_a_part(parts, sentences) == facts


def test_sentences_have_more_characters_in_chinese_than_words_in_english() -> None:
    assert (sentences_of(150, "English"), sentences_of(150, "Chinese"), sentences_of(5, "")) == (8, 4, 1)


def test_of_a_short_text_each_part_is_said_as_soon_as_it_was_read_and_none_takes_all_the_room() -> None:
    found, _ = events(collection(harbours(6), size=130), opened, info=SMALL)
    kinds = ["noted" if isinstance(event, Noted) else "said" for event in found if isinstance(event, Noted | Sentence)]
    assert kinds.index("said") < kinds.index("noted", kinds.index("noted") + 1)
    assert "1800" in summary(found)
    long, _ = events(collection(harbours(40)), opened, SummaryOptions(60), info=SMALL)
    assert max(int(year) for year in re.findall(r"18\d\d", summary(long))) > 1825


@pytest.mark.parametrize("count", [6, 40])
def test_a_model_that_does_not_write_a_language_leaves_the_summary_in_the_texts_own_and_says_so(count: int) -> None:
    options = SummaryOptions(language="Chinese")
    found, _ = events(collection(harbours(count), size=130), opened, options, info=SMALL)
    assert "The harbour of Aldmouth was opened in 1800." in summary(found)
    notices = [event.text for event in found if isinstance(event, Notice)]
    assert "into Chinese" in notices[0]
    assert notices[-1] == "this is in the text's own language instead"


@pytest.mark.parametrize(
    "line",
    [
        "Do not",
        "ssh 和 sshd 包里。",
        "You may copy it if you meet these conditions:",
        "It must not be so buggy that, and",
    ],
)
def test_what_breaks_off_or_has_too_few_words_is_no_fact(line: str) -> None:
    assert not is_whole(line)


@pytest.mark.parametrize("line", ["The bridge is closed.", "The bridge is closed", "大桥于星期一关闭。"])
def test_a_sentence_is_a_fact(line: str) -> None:
    assert is_whole(line)
