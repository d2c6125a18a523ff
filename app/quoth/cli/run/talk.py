"""`quoth chat`, and `quoth` on a terminal: the chat app, or line by line on a terminal that cannot show it."""

from __future__ import annotations

import gc

from quoth.cli.environment import Environment
from quoth.errors import UsageError


def talk(environment: Environment, conversation: int | None = None) -> int:
    """Chat in the app, or line by line on a terminal that cannot show it. Returns the exit code."""
    streams = environment.streams
    if not streams.stdin_isatty:
        try_ = 'For one question: quoth "Why is the sky blue?"'
        raise UsageError("a chat needs a terminal", "standard input is not a terminal", try_)
    if environment.environ.get("TERM", "dumb") == "dumb" or not streams.stderr_isatty:
        from quoth.cli.run.chat_lines import talk_in_lines

        return talk_in_lines(environment)
    gc.disable()  # until the first paint: thousands of objects are made, and none of them is garbage
    from quoth.cli.run.chat_app import run_app

    return run_app(environment, conversation)
