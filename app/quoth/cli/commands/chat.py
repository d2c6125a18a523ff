"""`quoth chat`, and `quoth` on a terminal: the chat app; line by line where the terminal cannot show it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from quoth.chat import Message
from quoth.cli.answer_writer import Format
from quoth.cli.environment import Environment
from quoth.cli.options import setting_options
from quoth.errors import EngineError, InputError, UsageError
from quoth.text import well_formed

if TYPE_CHECKING:
    pass


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

    from quoth.cli.run.app_models import AppModels
    from quoth.config import keys
    from quoth.tui.app import QuothApp
    from quoth.tui.backend import Backend
    from quoth.tui.terminal.signals import ending

    backend = Backend(
        settings=environment.settings,
        history=environment.history,
        models=AppModels(environment),
        read_file=lambda name: _read_file(environment, name),
        state=environment.folders.state,
        environ=environment.environ,
        keys=keys(environment.folders),
        private=environment.settings.private,
        notes=environment.notes,
        document_limit=lambda: _document_limit(environment),
    )
    environment.streams.quiet = True  # the screen is the app's
    app = QuothApp(backend, conversation)

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


def _read_file(environment: Environment, name: str) -> tuple[str, str]:
    from quoth.library.text_files import bytes_of
    from quoth.text import decode_input

    decoded = decode_input(bytes_of(name, environment.settings.max_input), name)
    return decoded.text, decoded.notice


def _document_limit(environment: Environment) -> int:
    from quoth.library.opened_documents import document_limit

    return document_limit(environment)


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
