"""Find the command, run it, and turn whatever happens into an exit code and one line."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import TYPE_CHECKING

import click

from quoth.cli.commands import COMMANDS
from quoth.cli.environment import Environment
from quoth.cli.routing import PROMPT, as_prompt_hint, is_sentence, nearest, route
from quoth.cli.streams import PipeClosed, Streams
from quoth.errors import Ended, Exit, InputError, ModelError, QuothError, UsageError, sentences
from quoth.version import __version__

if TYPE_CHECKING:
    import subprocess

EXIT_CODES = """\b
Exit codes:
  0 done                               6 network or hub
  1 failed: a bug, please report it    7 disk, permission
  2 usage                              8 not in the documents
  3 model missing, bad, unsupported    129 hangup, 130 Ctrl-C
  4 engine died, memory ran out        141 pipe closed
  5 input too long or not text         143 terminated"""


def run(
    arguments: Sequence[str],
    process: subprocess.Popen[bytes] | None = None,
    streams: Streams | None = None,
    environ: Mapping[str, str] = os.environ,
) -> int:
    """Run a command line; `process` is a worker that was started before. Returns the exit code."""
    streams = streams or Streams.of_process()
    environment = Environment(streams, environ, process)
    debug = "--debug" in arguments
    try:
        return _run([a for a in arguments if a != "--debug"], environment)
    except PipeClosed:
        return int(Exit.PIPE_CLOSED)
    except Ended as ended:
        return _leave(ended.exit_code, arguments, streams)
    except Exception as error:
        if debug:
            streams.traceback()
        return _fail(error if isinstance(error, QuothError) else _bug(error), arguments, streams)
    finally:
        environment.close()


def _bug(error: Exception) -> QuothError:
    try_ = "Run it again with --debug and report what it prints"
    return QuothError(f"{type(error).__name__}: {error}", "this is a bug", try_)


def _fail(error: QuothError, arguments: Sequence[str], streams: Streams) -> int:
    code = int(error.exit_code)
    with suppress(QuothError, PipeClosed):  # only the first thing that went wrong is reported
        _last_event(code, str(error), arguments, streams)
    streams.error(error)
    return code


def _leave(code: int, arguments: Sequence[str], streams: Streams) -> int:
    """A signal is not an error: the answer so far stands, and only the last event of --jsonl is added."""
    with suppress(QuothError, PipeClosed):
        streams.interrupt()
        _last_event(code, "interrupted", arguments, streams)
    return code


def _last_event(code: int, message: str, arguments: Sequence[str], streams: Streams) -> None:
    """With --jsonl every failure is an event too, the last one."""
    if "--jsonl" not in [*takewhile(lambda word: word != "--", arguments)]:
        return
    import json

    streams.print(json.dumps({"event": "error", "code": code, "message": message}, ensure_ascii=False))


def _run(arguments: list[str], environment: Environment) -> int:
    if arguments[:1] == ["--version"]:
        environment.streams.print(f"quoth {__version__}")
        return 0
    name, rest = route(arguments, COMMANDS, os.path.exists)
    command = load_command(name)
    try:
        # Not command.main, which prints errors and exits by itself.
        with command.make_context(_program(name), rest, obj=environment) as context:
            result = command.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        environment.streams.print(error.ctx.get_help() if error.ctx else "")
        return int(Exit.USAGE)
    except click.ClickException as error:
        raise _usage_error(error, name, arguments) from None
    except (ModelError, InputError, UsageError) as error:
        if name in COMMANDS and COMMANDS[name].names_things and _is_prompt_by_mistake(arguments, command):
            error.try_ = sentences(error.try_, as_prompt_hint(arguments))
        raise
    return result if isinstance(result, int) else 0


def load_command(name: str) -> click.Command:
    """The click command of a name; only its own module is imported."""
    module = importlib.import_module("quoth.cli.prompt" if name == PROMPT else f"quoth.cli.commands.{name}")
    command: click.Command = module.command
    for each in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        if _HELP not in each.params:
            each.params.append(_HELP)
    return command


def _print_help(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        context.obj.streams.print(context.get_help())
        context.exit()


# In the place of click's own, which writes to standard output itself: a full disk would be a bug.
_HELP = click.Option(
    ["-h", "--help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_help,
    help="Show this message and exit.",
)


def _is_prompt_by_mistake(arguments: Sequence[str], command: click.Command) -> bool:
    """Whether operands that name nothing look like a sentence: two words or more, or one with its punctuation."""
    words = list(arguments[1:])
    if isinstance(command, click.Group) and words and words[0] in command.commands:
        words = words[1:]
    return is_sentence(words) and (len(words) > 1 or not words[0].isalpha())


def _program(name: str) -> str:
    return "quoth" if name == PROMPT else f"quoth {name}"


def _usage_error(error: click.ClickException, name: str, arguments: Sequence[str]) -> QuothError:
    context = getattr(error, "ctx", None)
    program = context.command_path if context else _program(name)
    see = f'See "{program} --help"'
    if isinstance(error, click.NoSuchOption):
        meant = nearest(error.option_name.lstrip("-"), [each.lstrip("-") for each in error.possibilities or ()])
        why = f"did you mean --{meant}?" if meant else ""
        if name == PROMPT:
            see += '; a prompt that begins with "-" goes after "--"'
        return UsageError(f"{program} has no option {error.option_name}", why, see)
    what = error.format_message().rstrip(".")
    words = [*takewhile(lambda word: not word.startswith("-"), arguments[1:])]
    least = 2 if isinstance(error, click.BadParameter) else 1  # one word in the place of another is a wrong value
    names_nothing = not isinstance(error, click.MissingParameter) and len(words) >= least and is_sentence(words)
    hint = as_prompt_hint(arguments) if name != PROMPT and names_nothing else ""
    return UsageError(what[:1].lower() + what[1:], "", sentences(see, hint))
