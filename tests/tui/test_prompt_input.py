"""The prompt: what is typed, pasted, completed, recalled, and what is attached by it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Paste

from quoth.chat import Attachment
from quoth.tui.terminal.driver import PasteCut
from tests.tui.driving import (
    LONG,
    SLOW,
    chat,
    driven,
    kept,
    notices,
    say,
    texts,
    until,
)
from tests.tui.scripted_app import ScriptedModels, scripted_app


async def test_what_is_typed_behind_enter_is_the_next_question(home: Path) -> None:
    async with chat(home, [LONG], timing=SLOW) as (app, pilot):
        await pilot.press(*"one", "enter", *"two")
        await until(pilot, lambda: app.chat.session.busy)
        assert app.chat.prompt.text == "two"
        assert texts(app)[0] == ("user", "one")


async def test_a_paste_that_was_cut_is_told(home: Path) -> None:
    async with chat(home) as (app, pilot):
        app.post_message(PasteCut(1234))
        await until(pilot, lambda: notices(app) == ["The paste was too long: 1,234 of it were left out"])


async def test_a_long_paste_becomes_an_attachment(home: Path) -> None:
    models = ScriptedModels(["Read."])
    text = "line of a log\n" * 80_000
    async with chat(home, models=models) as (app, pilot):
        app.chat.prompt.post_message(Paste(text))
        await until(pilot, lambda: bool(app.chat.session.attachments))
        assert app.chat.prompt.text == ""
        models.info = {}
        assert app.chat.session.attachments == [Attachment("pasted text 1", text)]
        await pilot.press("ctrl+t")
        assert app.chat.session.attachments == []


async def test_a_dropped_file_is_attached_and_reaches_the_model(home: Path, tmp_path: Path) -> None:

    models = ScriptedModels(["Read."])
    file = tmp_path / "a report.txt"
    file.write_text("The pump failed.", encoding="utf-8")
    async with chat(home, models=models) as (app, pilot):
        app.chat.prompt.post_message(Paste(str(file).replace(" ", "\\ ")))
        await until(pilot, lambda: bool(app.chat.session.attachments))
        await say(app, pilot, "What failed?")
        sent = models.requests[-1].input.messages[-1].text
        assert "a report.txt" in sent
        assert "The pump failed." in sent
        assert kept(app)[0].documents == (Attachment("a report.txt", "The pump failed."),)


async def test_tab_completes_a_file_after_at(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes-2026.txt").write_text("Buy milk.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    async with chat(home, ["ok"]) as (app, pilot):
        await pilot.press(*"see @no", "tab")
        await until(pilot, lambda: bool(app.chat.session.attachments))
        assert app.chat.prompt.text == "see @notes-2026.txt"
        assert app.chat.session.attachments == [Attachment("notes-2026.txt", "Buy milk.")]


@pytest.mark.more
async def test_only_the_file_that_was_completed_last_is_attached(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("note-1.txt", "note-2.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    async with chat(home, ["ok"]) as (app, pilot):
        await pilot.press(*"see @no", "tab")
        await until(pilot, lambda: bool(app.chat.session.attachments))
        await pilot.press("tab")
        await until(pilot, lambda: app.chat.session.attachments == [Attachment("note-2.txt", "note-2.txt")])
        assert app.chat.prompt.text == "see @note-2.txt"


async def test_up_recalls_what_was_asked_and_down_comes_back(home: Path) -> None:
    async with chat(home, ["a", "b"]) as (app, pilot):
        await say(app, pilot, "first")
        await say(app, pilot, "second")
        await pilot.press(*"third", "up")
        assert app.chat.prompt.text == "second"
        await pilot.press("up")
        assert app.chat.prompt.text == "first"
        await pilot.press("down", "down")
        assert app.chat.prompt.text == "third"


async def test_ctrl_j_breaks_the_line(home: Path) -> None:
    async with chat(home, ["a"]) as (app, pilot):
        await pilot.press("a", "ctrl+j", "b")
        assert app.chat.prompt.text == "a\nb"


@pytest.mark.more
@pytest.mark.parametrize("editor", ["no-such-editor", 'vi "unclosed', ""])
async def test_an_editor_that_cannot_be_started_is_told(home: Path, editor: str) -> None:
    app = scripted_app(home, ScriptedModels())
    app.workspace.environ = {**app.workspace.environ, "EDITOR": editor}
    async with driven(app) as pilot:
        await pilot.press("h", "i", "ctrl+g")
        await until(pilot, lambda: any("cannot be started" in notice for notice in notices(app)))
        assert app.chat.prompt.text == "hi"
