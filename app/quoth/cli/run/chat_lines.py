"""The chat line by line, on a terminal that cannot show the app."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from quoth.chat import Message
from quoth.cli.answer_writer import Format
from quoth.cli.environment import Environment
from quoth.cli.run.answer_session import answer
from quoth.errors import EngineError, InputError
from quoth.text import well_formed


@contextmanager
def stoppable() -> Iterator[Event]:
    """While the block runs, Ctrl-C only sets an event."""
    stopped = Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def talk_in_lines(environment: Environment) -> int:
    """Questions from the terminal until Ctrl-D, answers as they come."""
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
