"""The turns of a conversation: asked, answered, stopped, continued, tried again, edited, copied to a fork."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Collapsible, Static

from quoth.errors import EngineError, StorageError
from quoth.history import History
from quoth.tui.app import QuothApp
from quoth.tui.widgets.turn_view import TurnView
from tests.scripted_engine import ScriptedAnswer
from tests.tui.driving import (
    LONG,
    SLOW,
    banner,
    chat,
    driven,
    is_writing,
    kept,
    say,
    texts,
    until,
)
from tests.tui.scripted_app import ScriptedModels, workspace_at


async def test_a_turn_keeps_how_it_was_sampled(home: Path) -> None:
    async with chat(home, ["Hi."]) as (app, pilot):
        await say(app, pilot, "Hello")
        settings = kept(app)[-1].settings
        assert (settings["temperature"], settings["seed"]) == (0.0, 1)


async def test_a_question_is_answered_and_both_are_in_the_history(home: Path) -> None:
    async with chat(home, ["The **capital** is Rome."]) as (app, pilot):
        await pilot.press(*"Which?")
        await pilot.press("enter")
        await until(pilot, lambda: not app.chat.session.busy and len(app.chat.session.path) == 2)
        assert texts(app) == [("user", "Which?"), ("assistant", "The **capital** is Rome.")]
        turns = kept(app)
        assert [(t.role, t.text, t.reason) for t in turns] == [
            ("user", "Which?", "stop"),
            ("assistant", "The **capital** is Rome.", "stop"),
        ]
        assert turns[1].model == "demo-1b"
        assert turns[1].generated_tokens > 0
        assert app.workspace.history.conversations()[0].title == "Which?"


async def test_enter_while_an_answer_comes_keeps_the_text(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await say(app, pilot, "two", wait=False)
        assert app.chat.prompt.text == "two"
        assert len(app.chat.session.path) == 2


async def test_escape_stops_within_300_ms_and_keeps_and_marks_what_was_said(home: Path) -> None:
    async with chat(home, lambda request: LONG, timing=SLOW) as (app, pilot):
        loop, waits = asyncio.get_running_loop(), list[float]()
        for _ in range(3):  # the machine may have something else to do once
            await say(app, pilot, "/retry" if waits else "Go", wait=False)
            await until(pilot, lambda: is_writing(app))
            begin = loop.time()
            pressing = asyncio.create_task(pilot.press("escape"))  # it waits for more than the end of the answer
            while app.chat.session.busy:
                await asyncio.sleep(0.005)
            waits.append(loop.time() - begin)
            await pressing
        assert min(waits) < 0.3, waits
        said = texts(app)[1][1]
        assert 0 < len(said) < len(LONG)
        view = app.chat.transcript.views[-1]
        assert "stopped" in str(view.query_one(".foot", Static).content)
        assert [(t.text, t.reason) for t in kept(app)][1] == (said, "cancelled")


async def test_continue_goes_on_from_what_was_said(home: Path) -> None:
    answers = [ScriptedAnswer(("Once ", "upon "), reason="length"), ScriptedAnswer(("a ", "time."))]
    models = ScriptedModels(answers)
    async with chat(home, models=models) as (app, pilot):
        await say(app, pilot, "Tell")
        await say(app, pilot, "/continue")
        assert texts(app) == [("user", "Tell"), ("assistant", "Once upon a time.")]
        assert models.requests[-1].input.continue_last
        assert [m.text for m in models.requests[-1].input.messages] == ["Tell", "Once upon "]
        assert [(t.text, t.reason) for t in kept(app)][1] == ("Once upon a time.", "stop")


async def test_retry_makes_a_sibling_and_the_arrows_walk_between_them(home: Path) -> None:
    async with chat(home, ["first", "second"]) as (app, pilot):
        await say(app, pilot, "Say")
        await say(app, pilot, "/retry")
        assert texts(app) == [("user", "Say"), ("assistant", "second")]
        assert app.chat.transcript.views[-1].version == (2, 2)
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: texts(app)[-1] == ("assistant", "first"))
        assert app.chat.transcript.views[-1].version == (1, 2)
        await until(pilot, lambda: isinstance(app.focused, TurnView))
        await pilot.press("right")
        await until(pilot, lambda: texts(app)[-1] == ("assistant", "second"))


async def test_an_edited_question_stands_beside_the_first(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Old question")
        await say(app, pilot, "/edit", wait=False)
        await until(pilot, lambda: app.screen is not app.chat)
        app.screen.query_one("TextArea").load_text("New question")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: texts(app) == [("user", "New question"), ("assistant", "two")])
        assert app.chat.transcript.views[0].version == (2, 2)
        assert len(app.workspace.history.tree(kept(app)[0].conversation)) == 4


async def test_a_question_above_what_is_laid_out_is_gone_once_it_was_edited(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, parent = history.new(title="tall"), None
    for role, text in (("user", "One"), ("assistant", "first"), ("user", "Two"), ("assistant", "tall " * 2000)):
        parent = history.add(number, parent, role, text)  # type: ignore[arg-type]
    history.close()
    async with chat(home, ["short"], conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.transcript.views) == 1)  # the tall answer alone
        await say(app, pilot, "/edit", wait=False)
        await until(pilot, lambda: app.screen is not app.chat)
        app.screen.query_one("TextArea").load_text("Three")  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: [text for _, text in texts(app)] == ["One", "first", "Three", "short"])
        shown = [view.turn.text for view in app.chat.transcript.views]
        assert shown == ["One", "first", "Three", "short"]


async def test_a_fork_is_a_conversation_of_its_own(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Q")
        first = app.chat.session.conversation.ref.id
        await say(app, pilot, "/fork", wait=False)
        await until(pilot, lambda: app.chat.session.conversation.ref.id not in (None, first))
        await say(app, pilot, "More")
        assert [text for _, text in texts(app)] == ["Q", "one", "More", "two"]
        assert first is not None
        assert len(app.workspace.history.path(first)) == 2


async def test_the_engines_death_is_told_and_the_next_turn_works(home: Path) -> None:
    died = ScriptedAnswer(("Half ", "an answer"), error=EngineError("the engine died", "SIGKILL", "Try again"))
    async with chat(home, [died, "whole"]) as (app, pilot):
        await say(app, pilot, "Q")
        assert "the engine died" in banner(app)
        assert texts(app)[1] == ("assistant", "Half an answer")
        assert "broken off" in str(app.chat.transcript.views[-1].query_one(".foot", Static).content)
        await say(app, pilot, "/retry")
        assert texts(app)[1] == ("assistant", "whole")
        assert banner(app) == ""


class Refusing(History):
    """A history on a disk that is full until it is told otherwise."""

    full = True

    def add(self, *arguments: Any, **more: Any) -> int:
        if self.full:
            raise StorageError("the history cannot be written", "no space left on device", "Free some space")
        return super().add(*arguments, **more)


@pytest.mark.more
async def test_what_cannot_be_written_stays_on_the_screen_and_is_written_later(home: Path) -> None:
    workspace = workspace_at(home)
    workspace.history = history = Refusing(home / "data" / "history.db")
    app = QuothApp(workspace, open_model=ScriptedModels(["Answer."]))
    async with driven(app) as pilot:
        await until(pilot, lambda: app.chat.session.model is not None)
        await say(app, pilot, "Question")
        assert texts(app) == [("user", "Question"), ("assistant", "Answer.")]
        assert "no space left" in banner(app)
        history.full = False
        await until(pilot, lambda: banner(app) == "", 15)
        assert [(t.role, t.text, t.reason) for t in kept(app)] == [
            ("user", "Question", "stop"),
            ("assistant", "Answer.", "stop"),
        ]


@pytest.mark.more
async def test_reasoning_is_in_the_fold(home: Path) -> None:
    thinking = ScriptedAnswer(("Rome.",), thoughts=("Italy [/nope] ", "then."))
    async with chat(home, [thinking], think=True) as (app, pilot):
        await say(app, pilot, "Capital?")
        fold = app.chat.query_one(Collapsible)
        assert fold.display
        shown = [str(line.content) for line in fold.query_one(Collapsible.Contents).query(Static)]
        assert shown == ["Italy [/nope] then."]


@pytest.mark.more
async def test_an_answer_that_began_without_reasoning_goes_on_with_it(home: Path) -> None:
    answers = [ScriptedAnswer(("Once ",), reason="length"), ScriptedAnswer(("upon.",), thoughts=("Hm.",))]
    async with chat(home, answers, think=True) as (app, pilot):
        await say(app, pilot, "Tell")
        number = app.chat.session.conversation.ref.id
        assert number is not None
        app.chat.conversations.open(number)
        await until(pilot, lambda: isinstance(app.chat.transcript.views[-1], TurnView) and not app.chat.session.busy)
        await pilot.pause(0.2)
        await say(app, pilot, "/continue")
        assert texts(app)[-1] == ("assistant", "Once upon.")
        assert app.chat.query_one(Collapsible).display
