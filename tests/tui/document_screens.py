"""The screen of documents with a scripted model: what its tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from quoth.engine import Scoring
from quoth.tui.app import QuothApp
from quoth.tui.documents.document_screen import DocumentScreen
from tests.scripted_engine import Timing
from tests.tui.driving import driven, kept, say, until
from tests.tui.scripted_app import ScriptedModels, scripted_app

FILLER = "The committee met again and talked about the weather of that week at some length.\n"


def filler(count: int) -> str:
    """Lines that are about something else, no two alike."""
    return "".join(f"On day {n} of plan {n * 7919 % 1000} the {FILLER[4:]}" for n in range(count))


PUMP = "The pump of the cellar failed on the third of March because of a broken valve.\n"
BRIDGE = "The bridge was painted green in the autumn by two workers from Turin.\n"
REPORT = "\n".join((filler(200), PUMP, filler(200), BRIDGE, filler(100)))
AT_PUMP, AT_BRIDGE = (1 + REPORT[: REPORT.index(fact)].count("\n") for fact in (PUMP, BRIDGE))
# Of a model that writes answers of its own, and that the thresholds were measured with.
LARGE = {"n_params": 1_543_714_304, "architecture": "qwen2"}


class Kept(dict[str, str]):
    """Notes in memory."""

    def put(self, key: str, text: str) -> None:
        self[key] = text

    def close(self) -> None:
        pass


@asynccontextmanager
async def reading(
    home: Path,
    answers: Any = (),
    *,
    size: tuple[int, int] = (120, 30),
    info: dict[str, Any] | None = None,
    timing: Timing | None = None,
    notes: Kept | None = None,
    odds: Callable[[Scoring], float] = lambda scoring: 5.0,
    **flags: Any,
) -> AsyncIterator[tuple[QuothApp, Pilot[None]]]:
    """The app with a scripted model."""
    models = ScriptedModels(answers, timing)
    models.info, models.odds = info or {}, odds
    app = scripted_app(home, models, **flags)
    app.workspace.notes = notes  # type: ignore[assignment]  # what is written about passages goes there
    async with driven(app, size) as pilot:
        await until(pilot, lambda: app.chat.session.model is not None)
        yield app, pilot


async def opened(app: QuothApp, pilot: Pilot[None], command: str) -> DocumentScreen:
    """Type a command, and wait for the document."""
    await say(app, pilot, command, wait=False)
    await until(pilot, lambda: isinstance(app.screen, DocumentScreen) and app.screen.is_mounted)
    assert isinstance(app.screen, DocumentScreen)
    return app.screen


async def answered(app: QuothApp, pilot: Pilot[None], command: str, turns: int = 2) -> DocumentScreen:
    screen = await opened(app, pilot, command)
    await over(app, pilot, screen, turns)
    return screen


async def over(app: QuothApp, pilot: Pilot[None], screen: DocumentScreen, turns: int) -> None:
    await until(
        pilot, lambda: screen.running is None and not app.chat.session.busy and len(app.chat.session.path) == turns
    )
    await pilot.pause()


def lines(app: QuothApp) -> list[str]:
    """The screen, as text."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


def marked(app: QuothApp) -> list[str]:
    """The highlighted rows of the document."""
    return [line.partition("▌")[2].strip() for line in lines(app) if "▌" in line]


def progress(screen: DocumentScreen) -> str:
    return str(screen.query_one("#progress").render())


def said(screen: DocumentScreen) -> list[str]:
    return [line.text for line in screen.answer.lines]


def kept_turns(app: QuothApp) -> list[tuple[str, str, str]]:
    return [(turn.role, turn.text, turn.reason) for turn in kept(app)]
