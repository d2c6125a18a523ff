"""What the transcript shows: markup as text, links in full, the end of what is long, at every size."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Markdown, OptionList, Static

from quoth.errors import EngineError
from quoth.history import History
from tests.scripted_engine import ScriptedAnswer
from tests.tui.driving import (
    banner,
    chat,
    say,
    texts,
    until,
)

MORE_MARKUP = ("[link=http://x]y", "[red]", "a [/] b")


@pytest.mark.parametrize(
    "text", ["[/nope]", "[@click=app.quit]x[/]", *(pytest.param(t, marks=pytest.mark.long) for t in MORE_MARKUP)]
)
@pytest.mark.more
async def test_markup_in_any_text_stays_text(home: Path, text: str) -> None:
    error = EngineError(text, text, text)
    async with chat(home, [text, ScriptedAnswer((text,), notice=text, error=error)], system=text) as (app, pilot):
        await say(app, pilot, f"/title {text}", wait=False)
        await say(app, pilot, text)
        await say(app, pilot, text)
        await pilot.press("ctrl+b")
        await until(pilot, lambda: app.chat.sidebar.query_one(OptionList).option_count >= 1)
        assert text in banner(app)
        assert texts(app)[0] == ("user", text)
        await say(app, pilot, f"/{text}", wait=False)
        await say(app, pilot, f"/export {home}/none/{text}", wait=False)
        assert app.is_running


async def test_a_link_is_shown_in_full_before_it_is_opened(home: Path) -> None:

    async with chat(home, ["See [here](http://example.com/very/long)"]) as (app, pilot):
        await say(app, pilot, "Q")
        markdown = app.chat.query_one(Markdown)
        markdown.post_message(Markdown.LinkClicked(markdown, "http://example.com/very/long"))
        await until(pilot, lambda: app.screen is not app.chat)
        assert any("http://example.com/very/long" in str(s.content) for s in app.screen.query(Static))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.chat)


async def test_a_long_conversation_lays_out_its_end_and_more_when_scrolled(home: Path) -> None:
    (home / "data").mkdir(mode=0o700)
    history = History(home / "data" / "history.db")
    number, parent = history.new(title="long"), None
    for turn in range(200):
        parent = history.add(number, parent, "user" if turn % 2 == 0 else "assistant", f"turn {turn} " + "word " * 100)
    history.close()
    async with chat(home, conversation=number) as (app, pilot):
        await until(pilot, lambda: len(app.chat.session.path) == 200)
        await until(pilot, lambda: bool(app.chat.transcript.views))
        shown = len(app.chat.transcript.views)
        assert 2 <= shown < 50
        for _ in range(60):
            app.chat.transcript.scroll_up(animate=False)
            app.chat.transcript.scroll_page_up(animate=False)
            await pilot.pause()
            if len(app.chat.transcript.views) > shown:
                break
            await asyncio.sleep(0.02)
        assert len(app.chat.transcript.views) > shown


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (40, 10), (1, 1)])
@pytest.mark.more
async def test_every_size_works(home: Path, size: tuple[int, int]) -> None:
    async with chat(home, ["| a | b |\n|---|---|\n| 東京 | 2 |\n\n```python\nx = 1\n```"], size=size) as (app, pilot):
        await say(app, pilot, "Q")
        assert len(texts(app)) == 2
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert app.is_running
