"""The entry point. A worker is started before anything else is imported: it boots while the command is parsed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

# These never use the engine, or decide for themselves.
WITHOUT_ENGINE = frozenset({"models", "pull", "doctor", "completions"})
HELP = frozenset({"-h", "--help", "--version"})


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        return _main(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the command itself, which has its own way to leave
        return 130


def _main(arguments: Sequence[str]) -> int:
    if None in (sys.stdin, sys.stdout, sys.stderr):
        from quoth.cli.descriptors import fill_closed

        fill_closed()  # or the worker's pipes would get their numbers
    process = _spawn(arguments)
    from quoth.cli.main import leave_on_signals, run

    leave_on_signals()
    return run(arguments, process)


def _spawn(arguments: Sequence[str]) -> subprocess.Popen[bytes] | None:
    if not WITHOUT_ENGINE.isdisjoint(arguments[:1]) or not HELP.isdisjoint(arguments):
        return None
    from quoth.engine.spawn import spawn

    try:
        return spawn()
    except OSError:
        return None  # the client tries again, and reports it


if __name__ == "__main__":
    raise SystemExit(main())
