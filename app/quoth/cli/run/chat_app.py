"""The chat app, run on the terminal."""

from __future__ import annotations

import asyncio

from quoth.cli.environment import Environment
from quoth.tui.app import QuothApp
from quoth.tui.terminal.signals import ending


def run_app(environment: Environment, conversation: int | None) -> int:
    """Run the app until the user leaves it. Returns the exit code."""
    app = QuothApp(environment, conversation)
    environment.streams.quiet = True  # the screen is the app's

    async def run() -> None:
        with ending(app, asyncio.get_running_loop()):
            await app.run_async()

    asyncio.run(run())
    environment.streams.quiet = False
    if app.failure is not None:
        raise app.failure
    if app.unsaved:
        environment.streams.say(f"{app.unsaved} changes could not be written to the history")
    return app.return_code or 0
