"""The entry point. A worker is started before anything else is imported: it boots while the command is parsed."""

from __future__ import annotations

import sys

# These never use the engine, or decide for themselves.
WITHOUT_ENGINE = frozenset({"models", "pull", "doctor", "completions", "-h", "--help", "--version"})


def main() -> int:
    """Run the command line; returns the exit code."""
    arguments = sys.argv[1:]
    process = None
    if not WITHOUT_ENGINE.intersection(arguments):
        from quoth.engine.spawn import spawn

        try:
            process = spawn()
        except OSError:
            process = None  # the client tries again, and reports it
    from quoth.cli.main import run

    return run(arguments, process)


if __name__ == "__main__":
    raise SystemExit(main())
