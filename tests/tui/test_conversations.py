"""Conversations: listed, searched, opened, left, deleted, private."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from quoth.history import History
from quoth.tui.app import QuothApp
from quoth.tui.widgets.turn_view import TurnView
from tests.tui.driving import (
    LONG,
    SLOW,
    banner,
    chat,
    is_writing,
    say,
    texts,
    until,
)
from tests.tui.scripted_app import ScriptedModels, workspace_at


@pytest.mark.more
async def test_a_conversation_removed_while_it_is_answered_does_not_stop_later_ones(home: Path) -> None:
    async with chat(home, [LONG, "second"], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await until(pilot, lambda: is_writing(app))
        number = app.chat.session.conversation.ref.id
        assert number is not None
        app.workspace.history.delete(number)  # as another window does
        await pilot.press("escape")
        await until(pilot, lambda: not app.chat.session.busy)
        assert "removed" in banner(app)
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "two")
        assert [row.title for row in app.workspace.history.conversations()] == ["two"]
        assert app.chat.session.writer.waiting == 0


@pytest.mark.more
async def test_a_conversation_that_is_gone_is_told_not_fatal(home: Path) -> None:
    async with chat(home, ["one", "two"]) as (app, pilot):
        await say(app, pilot, "Q")
        await say(app, pilot, "/retry")
        number = app.chat.session.conversation.ref.id
        assert number is not None
        app.workspace.history.delete(number)
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: "there is no" in banner(app))
        for command in ("/fork", f"/export {home}/x.md", "/title T", "/system S"):
            await say(app, pilot, command, wait=False)
        app.chat.conversations.open(number)
        app.chat.beside(app.chat.conversations.remove(number, "gone"))
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("y")
        await until(pilot, lambda: app.screen is app.chat)
        await pilot.pause()
        assert app.is_running
        assert "there is no conversation" in banner(app)


@pytest.mark.more
async def test_opening_the_conversation_that_is_being_answered_loses_nothing(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "one", wait=False)
        await until(pilot, lambda: is_writing(app))
        number = app.chat.session.conversation.ref.id
        assert number is not None
        job = app.chat.session.running
        assert job is not None
        app.chat.conversations.open(number)
        await until(pilot, lambda: not app.chat.session.busy and len(app.chat.session.path) == 2)
        assert texts(app)[1] == ("assistant", job.said)
        assert app.chat.session.path[1].turn.reason == "cancelled"


@pytest.mark.more
async def test_an_answer_that_was_left_is_whole_when_one_comes_back(home: Path) -> None:
    async with chat(home, ["first", LONG], timing=SLOW) as (app, pilot):
        await say(app, pilot, "A")
        first = app.chat.session.conversation.ref.id
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "B", wait=False)
        await until(pilot, lambda: is_writing(app))
        second, job = app.chat.session.conversation.ref.id, app.chat.session.running
        assert first is not None
        assert second is not None
        assert job is not None
        app.chat.conversations.open(first)
        await until(pilot, lambda: texts(app)[0] == ("user", "A"))
        app.chat.conversations.open(second)
        await until(pilot, lambda: texts(app)[0] == ("user", "B"))
        assert texts(app)[1] == ("assistant", job.said)


async def test_a_private_conversation_is_kept_nowhere(home: Path) -> None:
    async with chat(home, ["secret answer"]) as (app, pilot):
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "a secret")
        assert texts(app)[1] == ("assistant", "secret answer")
        assert app.workspace.history.conversations() == []
        await say(app, pilot, "/new", wait=False)
        assert not app.chat.session.private
    assert b"secret" not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


async def test_private_from_the_start_writes_no_file(home: Path) -> None:
    workspace_at(home)  # with its models
    before = {path for path in home.rglob("*") if path.is_file()}
    async with chat(home, ["answer"], private=True) as (app, pilot):
        await say(app, pilot, "a secret")
    assert {path for path in home.rglob("*") if path.is_file()} == before


@pytest.mark.more
async def test_versions_and_forks_of_a_private_conversation_stay_private(home: Path) -> None:
    async with chat(home, ["open", "one", "two", "three"]) as (app, pilot):
        await say(app, pilot, "Openly")
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "secret")
        await say(app, pilot, "/retry")
        await pilot.press("ctrl+up", "left")
        await until(pilot, lambda: texts(app) == [("user", "secret"), ("assistant", "one")])
        assert app.chat.session.private
        await say(app, pilot, "/fork", wait=False)
        await until(pilot, lambda: app.chat.session.conversation.ref.id == 2)
        await say(app, pilot, "more")
        assert app.chat.session.private
        assert [row.title for row in app.workspace.history.conversations()] == ["Openly"]


@pytest.mark.more
async def test_delete_in_a_private_conversation_removes_the_one_in_the_list(home: Path) -> None:
    async with chat(home, ["open", "secret answer"]) as (app, pilot):
        await say(app, pilot, "Openly")
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "secret")
        await pilot.press("ctrl+b", "down")
        await until(pilot, lambda: app.chat.sidebar.query_one(OptionList).highlighted == 0)
        await pilot.press("delete")
        await until(pilot, lambda: app.screen is not app.chat)
        await pilot.press("enter")  # no yes: this cannot be undone
        await pilot.pause()
        assert app.screen is not app.chat
        assert len(app.workspace.history.conversations()) == 1
        await pilot.press("y")
        await until(pilot, lambda: app.workspace.history.conversations() == [])
        assert texts(app)[1] == ("assistant", "secret answer")
        assert app.chat.session.private


@pytest.mark.more
async def test_what_a_private_conversation_is_told_stays_in_it(home: Path) -> None:
    async with chat(home, ["one", "two"], system="Be kind.") as (app, pilot):
        await say(app, pilot, "/private", wait=False)
        await say(app, pilot, "/system My name is Zacharias.", wait=False)
        await until(pilot, lambda: "Zacharias" in app.chat.session.conversation.system)
        await say(app, pilot, "secret")
        await say(app, pilot, "/new", wait=False)
        assert app.chat.session.conversation.system == "Be kind."
        assert app.chat.prompt.recallable == []
        await say(app, pilot, "open")
    assert b"Zacharias" not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())


@pytest.mark.more
@pytest.mark.parametrize("begin", ["/new", "ctrl+n", pytest.param("/clear", marks=pytest.mark.long)])
async def test_a_new_conversation_is_told_what_the_setting_says(home: Path, begin: str) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number = history.new(title="old", system="Talk like a pirate.")
    history.add(number, None, "user", "long ago")
    history.close()

    async def begun(app: QuothApp, pilot: Pilot[None]) -> str:
        if begin.startswith("/"):
            await say(app, pilot, begin, wait=False)
        else:
            await pilot.press(begin)
        await until(pilot, lambda: app.chat.session.path == [] and app.chat.session.conversation.ref.id is None)
        return app.chat.session.conversation.system

    models = ScriptedModels(["one", "two"])
    async with chat(home, models=models, system="Be kind.", conversation=number) as (app, pilot):
        await until(pilot, lambda: app.chat.session.conversation.system == "Talk like a pirate.")
        assert await begun(app, pilot) == "Be kind."
        await say(app, pilot, "/system Be brief.", wait=False)
        await until(pilot, lambda: app.chat.session.conversation.system == "Be brief.")
        await say(app, pilot, "Q")
        assert await begun(app, pilot) == "Be kind."
        await say(app, pilot, "Q")
        assert ["Be brief." in str(r.input) for r in models.requests] == [True, False]
        assert ["Be kind." in str(r.input) for r in models.requests] == [False, True]
        rows = app.workspace.history.conversations()
        assert sorted(row.system for row in rows) == ["Be brief.", "Be kind.", "Talk like a pirate."]


async def test_a_conversation_is_found_by_its_words_and_opened(home: Path) -> None:
    async with chat(home, ["The lighthouse is old.", "Yes."]) as (app, pilot):
        await say(app, pilot, "Tell me of the coast")
        await say(app, pilot, "/new", wait=False)
        await say(app, pilot, "Something else")
        await pilot.press("ctrl+f", *"lighthouse")
        options = app.chat.sidebar.query_one(OptionList)
        await until(pilot, lambda: options.option_count == 1)
        await pilot.press("down", "enter")
        await until(pilot, lambda: texts(app)[0] == ("user", "Tell me of the coast"))


async def test_a_conversation_is_there_again_after_a_restart(home: Path) -> None:
    async with chat(home, ["Answer one."]) as (app, pilot):
        await say(app, pilot, "Question one")
        number = app.chat.session.conversation.ref.id
    models = ScriptedModels(["Answer two."])
    async with chat(home, models=models, conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.session.path) == 2)
        await say(app, pilot, "Question two")
        assert [m.text for m in models.requests[0].input.messages] == ["Question one", "Answer one.", "Question two"]


@pytest.mark.more
async def test_a_turn_that_was_found_far_up_is_shown(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, turns = history.new(title="long"), list[int]()
    for turn in range(60):
        above = turns[-1] if turns else None
        turns.append(history.add(number, above, "user" if turn % 2 == 0 else "assistant", f"turn {turn} " + LONG[:500]))
    history.close()
    async with chat(home) as (app, pilot):
        app.chat.conversations.open(number, turns[10])
        await until(pilot, lambda: isinstance(app.focused, TurnView))
        assert isinstance(app.focused, TurnView)
        assert app.focused.turn.text.startswith("turn 10 ")


@pytest.mark.more
async def test_the_list_stays_what_was_searched_for(home: Path) -> None:
    async with chat(home, ["The lighthouse.", "Other."]) as (app, pilot):
        await say(app, pilot, "Coast")
        await say(app, pilot, "/new", wait=False)
        await pilot.press("ctrl+f", *"lighthouse")
        options = app.chat.sidebar.query_one(OptionList)
        await until(pilot, lambda: options.option_count == 1 and "lighthouse" in str(options.options[0].prompt))
        await say(app, pilot, "Something else")
        await pilot.pause(0.3)
        assert options.option_count == 1
