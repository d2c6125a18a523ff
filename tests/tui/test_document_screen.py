"""Documents in the app: how they are opened, how their screen is laid out, and what is drawn of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.color import Color

from quoth.chat import Attachment
from quoth.history import History
from quoth.tui.app import QuothApp
from quoth.tui.documents.operands import operands
from quoth.tui.widgets.document_view import AT_ONCE
from tests.tui.document_screens import (
    AT_PUMP,
    FILLER,
    PUMP,
    REPORT,
    answered,
    filler,
    kept_turns,
    lines,
    marked,
    opened,
    over,
    reading,
    said,
)
from tests.tui.driving import banner, notices, say, texts, until


async def test_a_file_of_a_folder_that_cannot_be_read_is_left_out_and_said(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "report.txt").write_text(REPORT, encoding="utf-8")
    (folder / "half.pdf").write_bytes(b"%PDF-1.4\nbroken off")
    async with reading(home) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {folder} When did the pump fail?")
        assert [Path(document.name).name for document in screen.documents.documents] == ["report.txt"]
        assert PUMP.strip() in said(screen)[-1]
        assert any(notice.startswith("left out: ") and "half.pdf" in notice for notice in notices(app))


async def test_a_file_without_a_question_waits_for_one(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {report}")
        await until(pilot, lambda: app.focused is screen.question)
        await pilot.press(*"q?", "enter")  # q is a letter here
        await over(app, pilot, screen, 2)
        assert said(screen)[0] == "q?"


async def test_a_missing_file_is_told_and_the_command_given_back(home: Path, tmp_path: Path) -> None:
    async with reading(home) as (app, pilot):
        for command, why in (
            (f"/ask {tmp_path}/none.txt What?", "does not exist"),
            ("/summarize", "no documents to summarize"),
        ):
            await say(app, pilot, command, wait=False)
            await until(pilot, lambda why=why: why in banner(app))  # type: ignore[misc]
            await until(pilot, lambda command=command: app.chat.prompt.text == command)  # type: ignore[misc]
        assert app.chat.session.path == []


async def test_without_a_file_attachments_are_asked_about(home: Path) -> None:
    async with reading(home) as (app, pilot):
        app.chat.files.set([Attachment("pasted text 1", REPORT)])
        screen = await answered(app, pilot, "/ask When did the pump fail?")
        assert screen.answer.lines[1].places[0].startswith("pasted text 1:")
        assert PUMP.strip() in said(screen)[1]
        assert texts(app)[0] == ("user", "/ask When did the pump fail?")
        assert len(app.chat.session.attachments) == 1


@pytest.mark.more
async def test_a_hostile_document_controls_nothing(home: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil [bold].txt"
    text = (
        "\x1b]0;owned\x07\x1b[2J[/nope] \u202egnp.exe \x9b31m the\ttabbed pump [red]failed[/red] today in the cellar."
    )
    evil.write_text(f"{text}\n" + FILLER * 30 + "\x1b[31m\n漢字" * 30, encoding="utf-8")
    for size in ((80, 24), (160, 50)):
        async with reading(home, size=size) as (app, pilot):
            screen = await answered(app, pilot, f'/ask "{evil}" Which pump failed in the cellar today?')
            drawn = lines(app)
            assert all(cell_len(line) == size[0] for line in drawn)
            assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e" for line in drawn for c in line)
            assert "[red]failed[/red]" in " ".join(said(screen))
            assert "[/nope]" in "\n".join(drawn)
            assert "\x1b" not in kept_turns(app)[1][1]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.more
async def test_the_two_share_the_screen(home: Path, report: Path, size: tuple[int, int]) -> None:
    async with reading(home, size=size) as (app, pilot):
        screen = await answered(app, pilot, f"/ask {report} When did the pump of the cellar fail?")
        left, right = screen.query_one("#left").region, screen.query_one("#right").region
        if size[0] < 100:
            assert (left.width, right.width) == (80, 80)
            assert right.y == left.bottom
            assert right.height > left.height >= 7
        else:
            assert left.height == right.height
            assert 0.38 < left.width / 160 < 0.42
        assert any(f"{AT_PUMP}▌ The pump of the cellar" in line for line in lines(app))
        await pilot.resize_terminal(150, 24) if size[0] < 100 else await pilot.resize_terminal(90, 24)
        await until(pilot, lambda: any(f"{AT_PUMP}▌ The pump of the cellar" in line for line in lines(app)))


async def test_notes_and_line_numbers_are_fainter_than_what_they_stand_beside(home: Path, report: Path) -> None:
    async with reading(home) as (app, pilot):
        await answered(app, pilot, f"/summarize {report}")
        note, number = brightness(app, "is too small to be trusted"), brightness(app, " 1  ")
        said_, text = brightness(app, "On day 0 of plan", 0), brightness(app, "On day 0 of plan", -1)
        assert 0.2 < note < 0.8 * said_
        assert 0.2 < number < 0.8 * text


def brightness(app: QuothApp, words: str, which: int = 0) -> float:
    """That of the letters of a part of the screen, from 0 to 1."""
    segments = [segment for strip in app.screen._compositor.render_strips() for segment in strip]
    style = [segment.style for segment in segments if words in segment.text][which]
    assert style is not None
    assert style.color is not None
    return Color.from_rich_color(style.color).brightness


@pytest.mark.more
async def test_a_very_long_document_opens_at_once_and_its_end_can_be_shown(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "long.txt"
    file.write_text(FILLER * (2 * AT_ONCE // len(FILLER)) + PUMP, encoding="utf-8")
    async with reading(home) as (app, pilot):
        screen = await opened(app, pilot, f"/ask {file}")
        screen.view.show(screen.documents.documents[0])
        rows = screen.view._rows
        assert rows is not None
        assert rows.done < 100_000  # the rest comes beside the screen
        assert "The committee met" in "\n".join(lines(app))
        screen.view.jump(len(rows.text) - len(PUMP), len(rows.text))
        await until(pilot, lambda: marked(app) != [])
        assert marked(app)[0].startswith("The pump of the cellar")


async def test_tab_completes_the_file_of_a_command_and_attaches_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "my report.txt").write_text(PUMP, encoding="utf-8")
    async with reading(home) as (app, pilot):
        app.chat.prompt.focus()
        app.chat.prompt.take(f"/ask {tmp_path}/my")
        await pilot.press("tab")
        assert app.chat.prompt.text == f"/ask {tmp_path}/my\\ report.txt"
        assert operands(app.chat.prompt.text[5:] + " Why?").names == (f"{tmp_path}/my report.txt",)
        assert app.chat.session.attachments == []


if os.name != "nt":

    @pytest.mark.usefixtures("installed")
    def test_the_real_model_answers_on_a_terminal(home: Path, environ: dict[str, str], tmp_path: Path) -> None:
        from tests.tui.terminal import Terminal

        file = tmp_path / "report.txt"
        file.write_text("\n".join((filler(30), PUMP, filler(30))), encoding="utf-8")
        with Terminal([sys.executable, "-m", "quoth"], environ) as terminal:
            terminal.wait_for("CPU")
            terminal.type(f"/ask {file} When did the pump of the cellar fail?")
            terminal.press("enter")
            terminal.wait_for("32▌ The pump of the cellar failed")
            terminal.wait_for("passages in")
            terminal.press("escape")
            terminal.wait_for("⏎ Send")
            terminal.press("ctrl+q")
            assert terminal.end() == 0
        history = History(home / "data" / "history.db")
        try:
            assert [hit.title for hit in history.search("broken valve")] != []
        finally:
            history.close()
