"""/ask in the app: the answer as it is found and written, places to jump to, and what of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from quoth.engine import Chat, Scoring
from quoth.errors import EngineError
from quoth.tasks.status_text import NOT_FOUND
from quoth.tui.widgets.cited_answer import CitedAnswer
from tests.scripted_engine import ScriptedAnswer, Timing
from tests.tui.document_screens import (
    AT_BRIDGE,
    AT_PUMP,
    BRIDGE,
    LARGE,
    PUMP,
    answered,
    filler,
    kept_turns,
    lines,
    marked,
    opened,
    over,
    progress,
    reading,
    said,
)
from tests.tui.driving import texts, until


def several(scoring: Scoring) -> float:
    """Odds of a model that finds the answer where it has read more than the best passage."""
    assert isinstance(scoring.input, Chat)
    return 5.0 if "Passage 2 (" in scoring.input.messages[-1].text else -5.0


async def test_a_question_is_answered_beside_its_document_and_is_in_the_history(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump of the cellar fail?")
        assert said(screen)[0] == "When did the pump of the cellar fail?"
        assert PUMP.strip() in said(screen)[1]
        assert screen.answer.lines[1].places[0].startswith("report.txt:")
        assert screen.answer.lines[1].places[0].endswith(str(AT_PUMP))
        assert any(row.startswith("The pump of the cellar failed") for row in marked(app))
        assert any(f"{AT_PUMP}▌" in line for line in lines(app))
        assert progress(screen).startswith("read ")
        question = f"/ask {report}: When did the pump of the cellar fail?"
        answer = f"{said(screen)[1]} [{report.parent}/{screen.answer.lines[1].places[0]}]"
        assert kept_turns(app) == [("user", question, "stop"), ("assistant", answer, "stop")]
        assert app.workspace.history.search("broken valve")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)
        assert texts(app) == [("user", question), ("assistant", answer)]
        assert app.chat.session.path[1].turn.model == "demo-1b"


async def test_enter_on_a_citation_shows_and_highlights_its_lines(home: Path, report: Path) -> None:
    answer = "The pump failed because of a broken valve. The bridge was painted green."
    async with reading(home, [answer], info=LARGE, odds=several) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} What happened to pump and bridge?")
        assert said(screen)[1:3] == ["The pump failed because of a broken valve.", "The bridge was painted green."]
        assert marked(app)[0].startswith("The pump")
        await pilot.press("down")
        assert marked(app)[0].startswith("The pump")  # only Enter goes there
        await pilot.press("enter")
        await until(pilot, lambda: marked(app)[:1] != [] and marked(app)[0].startswith("The bridge"))
        assert any(f"{AT_BRIDGE}▌" in line for line in lines(app))
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: marked(app)[0].startswith("The pump"))
        await pilot.press("tab", "tab")
        assert not isinstance(app.focused, CitedAnswer)  # behind the last place


async def test_a_citation_switches_to_its_document(home: Path, tmp_path: Path) -> None:
    for name, fact in (("one.txt", PUMP), ("two.txt", BRIDGE)):
        (tmp_path / name).write_text("\n".join((filler(60), fact, filler(60))), encoding="utf-8")
    answer = "A valve of the cellar's pump was broken in March, and the bridge was painted green."
    async with reading(home, [answer], info=LARGE, odds=several) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {tmp_path}/one.txt {tmp_path}/two.txt Pump and bridge?")
        assert [line.places for line in screen.answer.lines if line.spans] == [("one.txt:62",), ("two.txt:62",)]
        assert "1 of 2: one.txt" in "\n".join(lines(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "2 of 2: two.txt" in "\n".join(lines(app)))
        assert marked(app)[0].startswith("The bridge")
        await pilot.press("n")
        await until(pilot, lambda: "1 of 2: one.txt" in "\n".join(lines(app)))
        assert marked(app) == []


@pytest.mark.more
async def test_a_follow_up_question_finds_the_documents_still_read(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        index = screen.documents.open._passages
        assert index is not None
        await pilot.press("a", *"Who painted the bridge", "enter")
        await over(app, pilot, screen, 4)
        assert screen.documents.open._passages is index
        assert said(screen)[-2] == "Who painted the bridge"
        assert BRIDGE.strip() in said(screen)[-1]
        assert [turn[1] for turn in kept_turns(app)][2] == f"/ask {report}: Who painted the bridge"


async def test_what_is_not_there_is_said_so_with_what_was_read(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} Zebra xylophone?")
        assert said(screen)[-1] == NOT_FOUND
        assert progress(screen).endswith(" passages none matches the question")
        assert kept_turns(app)[1][1] == NOT_FOUND


FAILED = "It failed on the third of March."
HARDLY = "Since when has the pump been out of order?"  # not enough of its words are in the fact


async def test_the_quote_is_shown_at_once_and_the_answer_as_it_is_written(home: Path, report: Path) -> None:
    timing = Timing(slice=0.2, piece=0.1)
    async with reading(home, [FAILED], info=LARGE, timing=timing) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: len(said(screen)) == 2)
        found = screen.answer.lines[1]
        assert (found.look, found.text.startswith("found by its words: “")) == ("near", True)
        assert PUMP.strip() in found.text
        assert found.places[0].startswith("report.txt:")
        await until(pilot, lambda: marked(app)[:1] != [] and any(row.startswith("The pump") for row in marked(app)))
        await until(pilot, lambda: progress(screen).startswith("reading "))
        await until(pilot, lambda: len(said(screen)) == 3 and said(screen)[1].startswith("It failed"))
        assert screen.answer.lines[1].look == "draft"
        assert said(screen)[2] == found.text
        assert progress(screen) == "writing"
        await over(app, pilot, screen, 2)
        assert said(screen)[1:] == [FAILED, f"“{PUMP.strip()}”"]
        assert [line.look for line in screen.answer.lines] == ["question", "said", "quote"]
        assert kept_turns(app)[1][1].startswith(f"{FAILED}\n\n“{PUMP.strip()}” [")


async def test_how_many_passages_are_read_and_for_how_long_is_told_while_they_are(home: Path, report: Path) -> None:
    timing = Timing(slice=0.2)
    async with reading(home, info=LARGE, odds=lambda scoring: -5.0, timing=timing) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} What did the committee say of the weather of the pump?")
        await until(pilot, lambda: progress(screen).startswith("reading 10 passages, about "))
        assert progress(screen).endswith(" s")
        await until(pilot, lambda: progress(screen).startswith("reading 2 of 10 passages · "))
        await pilot.press("escape")
        await over(app, pilot, screen, 2)


async def test_what_the_model_does_not_find_is_not_in_the_documents_and_the_nearest_is_shown(
    home: Path, report: Path
) -> None:
    async with reading(home, info=LARGE, odds=lambda scoring: -3.0) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} {HARDLY}")
        assert said(screen)[1] == NOT_FOUND
        assert said(screen)[2].startswith("nearest: “")
        assert PUMP.strip() in said(screen)[2]
        assert len(said(screen)) == 3
        assert any(row.startswith("The pump") for row in marked(app))
        assert "█" not in next(line for line in lines(app) if "▓" in line)  # it is not cited
        assert kept_turns(app)[1][1] == NOT_FOUND


async def test_a_stopped_question_leaves_what_its_words_found(home: Path, report: Path) -> None:
    timing = Timing(piece=0.2)
    async with reading(home, [FAILED], info=LARGE, timing=timing) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: progress(screen) == "writing")
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert progress(screen) == "stopped"
        assert len(said(screen)) == 2
        assert said(screen)[1].startswith("nearest: “")
        assert kept_turns(app)[1] == ("assistant", "", "cancelled")


async def test_a_question_in_the_app_can_go_on_from_the_one_before(home: Path, report: Path) -> None:
    async with reading(home, [FAILED, "Because of a broken valve."], info=LARGE) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        await pilot.press("a", *"And why?", "enter")
        await over(app, pilot, screen, 4)
        assert said(screen)[-3:-1] == ["And why?", "Because of a broken valve."]
        assert kept_turns(app)[2][1] == f"/ask {report}: And why?"


async def test_who_walks_to_a_quote_stays_on_it_while_the_answer_is_written(home: Path, report: Path) -> None:
    async with reading(home, [FAILED], info=LARGE, timing=Timing(slice=0.1, piece=0.1)) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report} {HARDLY}")
        await until(pilot, lambda: len(said(screen)) == 2)
        await pilot.press("tab")
        assert screen.answer.highlighted == 1
        await until(pilot, lambda: len(said(screen)) == 3 and progress(screen) == "writing")
        assert screen.answer.highlighted == 2
        await over(app, pilot, screen, 2)
        assert screen.answer.highlighted == 2  # the first place of the answer


@pytest.mark.more
async def test_retry_of_an_answer_asks_the_documents_again(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        await answered(app, pilot, f"/ask {report} When did the pump fail?")
        await pilot.press("q")
        await until(pilot, lambda: app.screen is app.chat)
        await answered(app, pilot, "/retry", turns=4)
        assert texts(app)[1] == texts(app)[3]


@pytest.mark.more
async def test_an_engine_that_dies_is_told_and_the_next_question_works(home: Path, report: Path) -> None:
    died = ScriptedAnswer(error=EngineError("the engine died", "SIGKILL", "Try again"))
    answers = [died, "It failed on the third of March."]
    async with reading(home, answers, info=LARGE) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump fail?")
        assert "the engine died" in progress(screen)
        assert len(said(screen)) == 1
        await pilot.press("a", *"When did the pump fail?", "enter")
        await over(app, pilot, screen, 4)
        assert said(screen)[-2] == "It failed on the third of March."
