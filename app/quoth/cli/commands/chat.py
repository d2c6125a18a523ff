"""`quoth chat`, and `quoth` on a terminal: the chat app; line by line where the terminal cannot show it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import click

from quoth.chat import Message
from quoth.cli.answer_writer import Format
from quoth.cli.environment import Environment
from quoth.cli.options import setting_options
from quoth.errors import EngineError, InputError, UsageError
from quoth.text import well_formed


@click.command()
@setting_options()
@click.pass_obj
def command(environment: Environment, /, **flags: Any) -> int:
    """Talk with a model. Escape stops an answer, F1 shows the keys, Ctrl-Q leaves.

    On a terminal without a cursor (TERM=dumb) the chat goes line by line.

    \b
    Examples:
      quoth
      quoth chat -m smollm2-135m
      quoth chat -s "You answer in one sentence."
    """
    environment.use(flags)
    return talk(environment)


def talk(environment: Environment, conversation: int | None = None) -> int:
    """The app on a terminal that can show it, else line by line."""
    streams = environment.streams
    if not streams.stdin_isatty:
        try_ = 'For one question: quoth "Why is the sky blue?"'
        raise UsageError("a chat needs a terminal", "standard input is none", try_)
    if environment.environ.get("TERM", "dumb") == "dumb" or not streams.stderr_isatty:
        return talk_in_lines(environment)
    return run_app(environment, conversation)


def run_app(environment: Environment, conversation: int | None) -> int:
    """Run the app until it is left."""
    import asyncio
    import gc

    gc.disable()  # until the first paint: thousands of objects are made, and none of them is garbage

    from quoth.tui.app import QuothApp
    from quoth.tui.terminal.signals import ending

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


@contextmanager
def stoppable() -> Iterator[Event]:
    """While it lasts, Ctrl-C sets an event and does nothing else."""
    stopped = Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def talk_in_lines(environment: Environment) -> int:
    """Questions from the terminal until Ctrl-D, answers as they come."""
    from quoth.cli.run.answer_session import answer

    streams = environment.streams
    messages: list[Message] = []
    with answer(environment, Format()) as answering:
        while (line := streams.read_line(">")) is not None:
            if not line.strip():
                continue
            question = Message("user", well_formed(line.strip()))
            try:
                with stoppable() as stopped:
                    said = answering.reply([*messages, question], cancelled=stopped.is_set)
            except (InputError, EngineError) as error:
                streams.finish()
                streams.error(error)
                continue
            messages += [question, Message("assistant", said)]
    return 0
