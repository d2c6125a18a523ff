"""The probabilities of an answer's tokens: looked up, shown, left."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from quoth.tui.app import QuothApp
from quoth.tui.widgets.token_probabilities import TokenProbabilities
from tests.scripted_engine import Timing
from tests.tui.driving import (
    LONG,
    banner,
    chat,
    notices,
    say,
    texts,
    until,
)
from tests.tui.scripted_app import ScriptedModels


def detail(app: QuothApp) -> str:
    lines = app.chat.query_one("#detail", Static)
    return str(lines.content) if lines.display else ""


def in_sight(app: QuothApp) -> str:
    """The part of the probabilities that the transcript's window shows."""
    view, transcript = app.chat.query_one(TokenProbabilities), app.chat.transcript
    shown = view.region.intersection(transcript.content_region)
    lines = range(shown.y - view.region.y, shown.bottom - view.region.y)
    return "\n".join(view.render_line(y).text for y in lines)


async def test_an_answer_is_coloured_by_probability_with_alternatives_at_the_cursor(home: Path) -> None:
    async with chat(home, ["Rome is big"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: detail(app).startswith("1 of 3: “Rome” 36.8%"))
        assert "Rome is big" in str(app.chat.query_one(TokenProbabilities).render())
        await pilot.press("right")
        await until(pilot, lambda: "2 of 3" in detail(app))
        await pilot.press("escape")
        await until(pilot, lambda: not app.chat.query(TokenProbabilities))
        await until(pilot, lambda: detail(app) == "")


async def test_the_probabilities_of_an_answer_of_another_day_are_looked_up(home: Path) -> None:
    async with chat(home, ["Rome is big"]) as (app, pilot):
        await say(app, pilot, "Q")
        number = app.chat.session.conversation.ref.id
    async with chat(home, conversation=number) as (app, pilot):
        await until(pilot, lambda: ("assistant", "Rome is big") in texts(app))
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: detail(app).startswith("1 of 3: “Rome” 36.8%"))
        assert app.chat.status.doing == ""


async def test_a_look_at_probabilities_can_be_stopped_and_gives_way_to_a_question(home: Path) -> None:
    models = ScriptedModels([LONG, "and old"], Timing(slice=0.3))
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up")
        for left_by in ("escape", "question"):
            await pilot.press("p")
            await until(pilot, lambda: app.chat.status.doing.startswith("looking up probabilities"))
            if left_by == "escape":
                await pilot.press("escape")
                await until(pilot, lambda: app.chat.status.doing == "")
            else:
                app.chat.prompt.focus()
                await say(app, pilot, "And?")
        assert texts(app)[-1] == ("assistant", "and old")
        assert not app.chat.query(TokenProbabilities)
        assert banner(app) == ""
        assert models.engines[0].scorings == []  # none came to its end


async def test_probabilities_that_come_late_do_not_take_the_keys_from_the_prompt(home: Path) -> None:
    models = ScriptedModels([LONG], Timing(slice=0.1))
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        app.chat.prompt.focus()
        await until(pilot, lambda: len(app.chat.query(TokenProbabilities)) == 1)
        await pilot.press("r", "e")
        assert app.chat.prompt.text == "re"
        assert len(texts(app)) == 2


async def test_only_answers_have_probabilities(home: Path) -> None:
    async with chat(home, ["a"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "up", "p")
        await until(pilot, lambda: "Only answers have probabilities" in notices(app))
        assert not app.chat.query(TokenProbabilities)


@pytest.mark.more
async def test_the_token_at_the_cursor_is_in_sight_in_a_long_answer(home: Path) -> None:
    answer = " ".join(f"token{number}" for number in range(200))
    async with chat(home, [answer], size=(80, 24)) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: "1 of 200: “token0” 36.8%" in detail(app) and "token0 " in in_sight(app))
        assert "token199" not in in_sight(app)
        await pilot.press("left", *["right"] * 5)
        await until(pilot, lambda: "6 of 200" in detail(app))
        app.chat.query_one(TokenProbabilities).cursor = 118
        await pilot.press("right", "right")
        await until(pilot, lambda: "121 of 200" in detail(app) and "token120 " in in_sight(app))
        app.chat.query_one(TokenProbabilities).cursor = 199
        await until(pilot, lambda: "200 of 200" in detail(app) and "token199" in in_sight(app))
        assert "token0 " not in in_sight(app)
        app.chat.query_one(TokenProbabilities).cursor = 0
        await until(pilot, lambda: "token0 " in in_sight(app))
        line = app.chat.query_one("#detail").region
        assert app.chat.transcript.region.bottom <= line.y < line.bottom <= app.chat.prompt.region.y


@pytest.mark.parametrize("leaving", ["/new", "/retry", "focus"])
@pytest.mark.more
async def test_the_alternatives_go_when_the_probabilities_are_left(home: Path, leaving: str) -> None:
    async with chat(home, ["Rome", "Milan"]) as (app, pilot):
        await say(app, pilot, "Q")
        await pilot.press("ctrl+up", "p")
        await until(pilot, lambda: "1 of 1" in detail(app))
        if leaving == "focus":
            app.chat.prompt.focus()
        else:
            await say(app, pilot, leaving)
        await until(pilot, lambda: detail(app) == "")
