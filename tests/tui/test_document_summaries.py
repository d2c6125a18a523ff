"""/summarize in the app: its sentences as they come, stopping it, and what of it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quoth.history import History
from quoth.tui.documents.document_screen import DocumentScreen
from tests.scripted_engine import ScriptedAnswer, Timing
from tests.tui.document_screens import (
    BRIDGE,
    LARGE,
    PUMP,
    Kept,
    answered,
    kept_turns,
    lines,
    opened,
    over,
    progress,
    reading,
    said,
)
from tests.tui.driving import kept, say, texts, until


async def test_escape_stops_a_summary_and_keeps_what_was_said(home: Path, report: Path) -> None:
    notes = Kept()
    models: list[str] = []

    def script(request: Any) -> ScriptedAnswer | str:
        models.append(request.input.messages[-1].text)
        if len(models) > 2:
            return ScriptedAnswer(tuple("slow " for _ in range(2000)))
        return " The committee met again and talked about the weather.\n"

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.003), notes=notes) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading ") and len(models) > 2)
        assert " parts" in progress(screen)
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert progress(screen).startswith("stopped")
        assert isinstance(app.screen, DocumentScreen)
        assert kept_turns(app)[1][0::2] == ("assistant", "cancelled")
        assert [key for key in notes if notes[key].startswith("1. The committee")]
        assert "the notes on them are kept" in progress(screen)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_sentences_of_a_summary_come_one_by_one_with_places(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "small.txt"
    file.write_text(f"{PUMP}{BRIDGE}" + "It was a long year for the whole town.\n" * 80, encoding="utf-8")

    def script(request: Any) -> ScriptedAnswer | str:
        asked = request.input.messages[-2 if request.input.continue_last else -1].text
        if "Reply only yes or no" in asked:
            return "yes"
        return f" {PUMP}2. {BRIDGE}" if PUMP in asked else ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.003)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {file} the pump")
        await until(pilot, lambda: len(said(screen)) >= 2)
        assert screen.running is not None  # it is still being written
        await pilot.press("escape")
        await over(app, pilot, screen, 2)
        assert said(screen)[:2] == ["Summary: the pump", PUMP.strip()]
        assert screen.answer.lines[1].places == ("small.txt:1",)
        assert kept_turns(app)[0][1] == f"/summarize {file}: the pump"
        assert kept_turns(app)[1][1].startswith(f"{PUMP.strip()} [{file}:1]")


async def test_a_small_model_says_that_it_extracts_and_reads_everything(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/summarize {report}")
        assert "is too small to be trusted with a summary" in said(screen)[1]
        assert ", 0 dropped" in progress(screen)
        strip = next(line for line in lines(app) if "▓▓▓" in line)
        assert "░" not in strip
        assert "█" in strip
        assert "too small" in kept(app)[1].notice


async def test_a_private_question_about_a_document_is_not_kept(home: Path, report: Path) -> None:
    notes = Kept()
    async with reading(home, ["said"] * 99, info=LARGE, notes=notes) as (app, pilot):
        await say(app, pilot, "/private")
        screen = await answered(app, pilot, f"/summarize {report}")
        assert len(said(screen)) > 1
        assert notes == {}
        assert app.workspace.history.last() is None


async def test_leaving_the_app_in_the_middle_of_a_summary_keeps_what_was_said(home: Path, report: Path) -> None:
    def script(request: Any) -> ScriptedAnswer:
        return ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.01)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading 0 of"))
    history = History(home / "data" / "history.db")
    try:
        row = history.last()
        assert row is not None
        assert [turn.reason for turn in history.path(row.id)] == ["stop", "cancelled"]
    finally:
        history.close()


async def test_closing_the_document_stops_the_work_and_the_chat_goes_on(home: Path, report: Path) -> None:
    def script(request: Any) -> ScriptedAnswer | str:
        asked = request.input.messages[-1].text
        return "Hello." if asked.endswith("Hi") else ScriptedAnswer(tuple("slow " for _ in range(2000)))

    async with reading(home, script, info=LARGE, timing=Timing(piece=0.01)) as (app, pilot):
        screen = await opened(app, pilot, f"/summarize {report}")
        await until(pilot, lambda: progress(screen).startswith("reading 0 of"))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: app.screen is app.chat and not app.chat.session.busy)
        await say(app, pilot, "Hi")
        assert texts(app)[-1] == ("assistant", "Hello.")
        assert app.chat.session.path[1].turn.reason == "cancelled"
