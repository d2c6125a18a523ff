"""What is drawn in a cheaper way than Textual's looks as Textual draws it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.color import Color
from textual.geometry import Region
from textual.pilot import Pilot
from textual.scrollbar import ScrollBar

from quoth.tui.markdown_parser import parser_factory
from quoth.tui.widgets.transcript import Transcript
from tests.tui.driving import chat, until

LONG = "\n\n".join(f"Paragraph {i} of a long answer." for i in range(40))


@asynccontextmanager
async def long_answer(home: Path) -> AsyncIterator[tuple[Transcript, Pilot[None]]]:
    """The transcript at the end of an answer that is longer than the screen."""
    async with chat(home, [LONG], size=(80, 24)) as (app, pilot):
        await pilot.press(*"go on", "enter")
        transcript = app.chat.transcript
        await until(pilot, lambda: 40 < transcript.max_scroll_y == transcript.scroll_y and not app.chat.session.busy)
        yield transcript, pilot


def cells(bar: ScrollBar, draw: type[ScrollBar]) -> list[list[tuple[str, Color | None, Color | None, str]]]:
    """What each line shows and what a click on it does: text, colours as seen, meta."""
    lines = []
    for strip in draw.render_lines(bar, Region(0, 0, *bar.size)):
        seen = []
        for text, style, _ in strip:
            assert style is not None
            front, back = (style.bgcolor, style.color) if style.reverse else (style.color, style.bgcolor)
            seen += [(character, back, front if text.strip() else None, str(style.meta)) for character in text]
        lines.append(seen)
    return lines


def test_the_scroll_bar_is_textual_s_own_wherever_it_stands(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with long_answer(tmp_path) as (transcript, pilot):
            bar = transcript.vertical_scrollbar
            assert bar.size == (2, transcript.size.height)
            for y in (transcript.max_scroll_y, 30, 7, 0):
                transcript.scroll_to(y=y, animate=False, force=True)
                await pilot.pause()
                ours = cells(bar, type(bar))
                assert ours == cells(bar, ScrollBar)
                assert all(len(line) == 2 for line in ours)
            await pilot.resize_terminal(60, 12)
            await pilot.pause()
            assert cells(bar, type(bar)) == cells(bar, ScrollBar)

    asyncio.run(scenario())


def test_the_scroll_bar_can_be_dragged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with long_answer(tmp_path) as (transcript, pilot):
            before = transcript.scroll_y
            end = transcript.size.height - 1
            await pilot.mouse_down(Transcript, offset=(transcript.size.width - 1, end))
            await pilot.hover(Transcript, offset=(transcript.size.width - 1, end - 10))
            await pilot.mouse_up(Transcript, offset=(transcript.size.width - 1, end - 10))
            await until(pilot, lambda: transcript.scroll_y < before - 5)

    asyncio.run(scenario())


def test_the_parser_that_threads_share_is_compiled_before() -> None:
    parser = parser_factory()
    for ruler in (parser.core.ruler, parser.block.ruler, parser.inline.ruler, parser.inline.ruler2):
        assert ruler.__cache__ is not None
    assert parser_factory() is parser
