"""A command run inside the test's own process, with streams of its own: for what needs no engine."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

from quoth.cli.main import run
from quoth.cli.streams import Streams


@dataclass(frozen=True)
class Outcome:
    """What a command wrote, and its exit code."""

    out: str
    err: str
    code: int


def run_here(*arguments: str, environ: Mapping[str, str], stdin: bytes = b"") -> Outcome:
    """Run a command line; nothing is a terminal."""
    out, err = io.BytesIO(), io.BytesIO()
    code = run(arguments, streams=Streams(io.BytesIO(stdin), out, err), environ=environ)
    return Outcome(out.getvalue().decode(), err.getvalue().decode(), code)
