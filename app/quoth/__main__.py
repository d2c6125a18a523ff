"""The entry point. A worker is started before anything else is imported: it boots while the command is parsed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

from quoth.cli.commands import COMMANDS
from quoth.errors import Ended

HELP = frozenset({"-h", "--help", "--version"})


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        _leave_on_signals()
        if None in (sys.stdin, sys.stdout, sys.stderr):
            from quoth.cli.descriptors import fill_closed

            fill_closed()  # or the worker's pipes would get their numbers
        arguments = sys.argv[1:]
        process = _spawn(arguments)
        from quoth.cli.main import run

        return run(arguments, process)
    except Ended as ended:  # before or after the command itself, which has its own way to leave
        return ended.exit_code


def _spawn(arguments: Sequence[str]) -> subprocess.Popen[bytes] | None:
    command = COMMANDS.get(arguments[0]) if arguments else None
    if (command is not None and not command.starts_engine) or not HELP.isdisjoint(arguments):
        return None
    from quoth.workers.spawn import spawn

    try:
        return spawn()
    except OSError:
        return None  # the client tries again, and reports it


def _leave_on_signals() -> None:
    """Have a signal end the program in order, Ctrl-C too, and a closed pipe be an error that can be caught.

    KeyboardInterrupt would not do: where one passes through exec, as in the making of a dataclass, the interpreter
    ends itself with SIGINT later on, although it was caught.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
            signal.signal(number, _leave)
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.setswitchinterval(0.001)  # a frame from the worker should not wait 5 ms for this thread


def _leave(number: int, frame: FrameType | None) -> None:
    raise Ended(number)


if __name__ == "__main__":
    raise SystemExit(main())
