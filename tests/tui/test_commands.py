"""Slash commands, the palette, keys and the screens that explain them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList, Static

from quoth.history import History
from quoth.tui.help_screen import Help
from quoth.tui.widgets.key_bar import KeyBar
from tests.tui.driving import (
    LONG,
    banner,
    chat,
    notices,
    say,
    texts,
    until,
)


async def test_an_unknown_command_names_the_nearest(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await say(app, pilot, "/retri", wait=False)
        assert any("/retry" in notice for notice in notices(app))
        assert texts(app) == []


async def test_a_path_is_no_command(home: Path) -> None:
    async with chat(home, ["It lists hosts."]) as (app, pilot):
        await say(app, pilot, "/etc/hosts is what?")
        assert texts(app)[0] == ("user", "/etc/hosts is what?")


async def test_an_export_is_written_and_nothing_is_overwritten(home: Path, tmp_path: Path) -> None:
    async with chat(home, ["Answer."]) as (app, pilot):
        await say(app, pilot, "Question")
        target = tmp_path / "talk.md"
        await say(app, pilot, f"/export {target}", wait=False)
        await until(pilot, target.exists)
        content = target.read_text(encoding="utf-8")
        assert "Question" in content
        assert "Answer." in content
        await say(app, pilot, f"/export {target}", wait=False)
        assert "is there already" in banner(app)
        assert target.read_text(encoding="utf-8") == content


async def test_keys_can_be_changed(home: Path) -> None:
    (home / "config").mkdir()
    (home / "config" / "config.toml").write_text('[keys]\n"prompt.newline" = "ctrl+l"\n', encoding="utf-8")
    async with chat(home, ["a"]) as (app, pilot):
        await pilot.press("a", "ctrl+l", "b")
        assert app.chat.prompt.text == "a\nb"


async def test_the_help_screen_is_made_of_the_bindings(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await pilot.press("f1")
        assert isinstance(app.screen, Help)
        shown = str(app.screen.query_one(Static).content)
        for part in ("chat.stop", "prompt.newline", "turn.probabilities", "/compact", "[keys]"):
            assert part in shown


async def test_the_theme_is_kept(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await say(app, pilot, "/theme nord", wait=False)
        await until(pilot, lambda: app.theme == "nord")
        await pilot.pause()
    async with chat(home) as (app, pilot):
        assert app.theme == "nord"


async def test_the_bar_at_the_bottom_has_the_keys_of_the_moment_and_a_click_presses_one(home: Path) -> None:
    def bar() -> str:
        return str(app.chat.query_one(KeyBar).content)

    async with chat(home, [LONG]) as (app, pilot):
        await until(pilot, lambda: "Help" in bar())
        assert "Go on" not in bar()
        await say(app, pilot, "Hello")
        await pilot.press("ctrl+up")
        await until(pilot, lambda: "Go on" in bar())
        await pilot.press("escape")
        await until(pilot, lambda: "Go on" not in bar())
        await pilot.click(KeyBar, offset=(bar().index("Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, Help))


@pytest.mark.more
async def test_titles_in_the_palette_are_text(home: Path) -> None:
    titles = ("[/nope] sea", "[@click=app.quit]sea[/]", "[red]sea")
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    for title in titles:
        history.add(history.new(title=title), None, "user", title)
    history.close()
    async with chat(home, ["a"]) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"sea")
        options = app.screen.query_one(OptionList)
        await until(
            pilot,
            lambda: all(any(title in str(option.prompt) for option in options.options) for title in titles),
        )


@pytest.mark.more
async def test_the_palette_shows_what_a_command_takes(home: Path) -> None:
    async with chat(home) as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"model")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: any("/model [NAME]" in str(option.prompt) for option in options.options))
