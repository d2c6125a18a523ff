"""`quoth chat`, and `quoth` on a terminal: a conversation, line by line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import click

from quoth.chat import Message
from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.cli.output import Format
from quoth.errors import EngineError, InputError, UsageError
from quoth.text import well_formed

HELP = """Talk with a model, line by line. Ctrl-C stops an answer, Ctrl-D leaves.

\b
Examples:
  quoth
  quoth chat -m smollm2-135m
  quoth chat -s "You answer in one sentence."
"""


@click.command(help=HELP, context_settings=HELP_NAMES)
@setting_options()
@click.pass_obj
def command(environment: Environment, /, **flags: Any) -> int:
    environment.use(flags)
    return talk(environment)


@contextmanager
def stoppable() -> Iterator[Event]:
    """While it lasts, Ctrl-C sets an event and does nothing else."""
    stopped = Event()
    before = signal.signal(signal.SIGINT, lambda number, frame: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def talk(environment: Environment) -> int:
    """Questions from the terminal until Ctrl-D, answers as they come."""
    from quoth.cli.answering import answer

    streams = environment.streams
    if not streams.stdin_isatty:
        try_ = 'For one question: quoth "Why is the sky blue?"'
        raise UsageError("a chat needs a terminal", "standard input is none", try_)
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
