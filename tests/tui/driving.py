"""The app driven by its keys: what its tests share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Static

from quoth.history import History, Turn
from quoth.tui.app import QuothApp
from tests.scripted_engine import Script, ScriptedAnswer, Timing
from tests.tui.scripted_app import ScriptedModels, scripted_app

SLOW = Timing(piece=0.01)
LONG = "word " * 400


@asynccontextmanager
async def chat(
    home: Path,
    answers: Sequence[ScriptedAnswer | str] | Script = (),
    *,
    timing: Timing | None = None,
    size: tuple[int, int] = (100, 30),
    models: ScriptedModels | None = None,
    conversation: int | None = None,
    **options: Any,
) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app with a scripted engine, its model loaded if there is one; `options` are those of `workspace_at`."""
    models = models or ScriptedModels(answers, timing)
    app = scripted_app(home, models, conversation, **options)
    async with driven(app, size) as pilot:
        if app.workspace.store.get_default():
            await until(pilot, lambda: app.chat.session.model is not None or models.fails is not None)
        yield app, pilot


@asynccontextmanager
async def driven(app: QuothApp, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Pilot[None]]:
    """A running app; its workspace is closed at the end."""
    try:
        async with app.run_test(size=size) as pilot:
            yield pilot
    finally:
        app.workspace.close()


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Let the app run until a condition holds."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def say(app: QuothApp, pilot: Pilot[None], text: str, *, wait: bool = True) -> None:
    """Type a line and send it; then wait until its answer is over."""
    app.chat.prompt.focus()
    app.chat.prompt.take(text)
    await pilot.press("enter")
    await pilot.pause()
    if wait:
        await until(pilot, lambda: not app.chat.session.busy)


async def begin_answer(app: QuothApp, pilot: Pilot[None], text: str) -> None:
    """Ask, and wait until some of the answer is there."""
    await say(app, pilot, text, wait=False)
    await until(pilot, lambda: is_writing(app))


def is_writing(app: QuothApp) -> bool:
    running = app.chat.session.running
    view = app.chat.transcript.view_of(running.turn) if running is not None else None
    return view is not None and bool(view.turn.text)


def texts(app: QuothApp) -> list[tuple[str, str]]:
    return [(entry.turn.role, entry.turn.text) for entry in app.chat.session.path]


def kept(app: QuothApp) -> list[Turn]:
    """The turns of the last conversation in the history."""
    row = app.workspace.history.last()
    return app.workspace.history.path(row.id) if row is not None else []


def banner(app: QuothApp) -> str:
    line = app.chat.query_one("#banner", Static)
    return str(line.content) if line.display else ""


def notices(app: QuothApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def write_history(home: Path, *texts: str, title: str = "old", system: str = "") -> tuple[int, list[int]]:
    """A conversation that is there already: its id and those of its turns, questions and answers in turn."""
    (home / "data").mkdir(mode=0o700, exist_ok=True)
    history = History(home / "data" / "history.db")
    number, turns = history.new(title=title, system=system), list[int]()
    for at, text in enumerate(texts):
        role: Any = "assistant" if at % 2 else "user"
        turns.append(history.add(number, turns[-1] if turns else None, role, text))
    history.close()
    return number, turns
