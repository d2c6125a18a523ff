"""`quoth history`: list, search, show, export, import and remove conversations."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import InputError, StorageError, UsageError
from quoth.text import sane, well_formed
from quoth.version import __version__

if TYPE_CHECKING:
    from quoth.history import Conversation, History

HELP = """List the conversations on this machine, the last one first.

\b
Examples:
  quoth history
  quoth history search rayleigh
  quoth history show last
  quoth history export 12 --format html -o sky.html
"""
MOST_INPUT = 1 << 30  # bytes of an import
SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@click.group(help=HELP, invoke_without_command=True, context_settings=HELP_NAMES)
@click.option("-n", "--number", type=click.IntRange(1), default=50, metavar="N", help="At most so many (50).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("quiet")
@click.pass_context
def command(context: click.Context, /, number: int, as_json: bool, **flags: Any) -> int:
    environment: Environment = context.obj
    environment.use(flags)
    if context.invoked_subcommand is None:
        _list(environment, number, as_json)
    return 0


@contextmanager
def _history(environment: Environment) -> Iterator[History]:
    """The file's history, also in a run that keeps nothing itself. Raises StorageError if it cannot be read."""
    from quoth.history import History

    history = History(environment.folders.history)
    try:
        if history.in_memory:
            raise StorageError("the history cannot be read", history.problem, "Correct that and try again")
        yield history
        if history.problem:
            environment.streams.say(history.problem)
    finally:
        history.close()


def _list(environment: Environment, number: int, as_json: bool) -> None:
    with _history(environment) as history:
        found = history.conversations(number)
    if as_json:
        _print_json(environment, conversations=[asdict(each) for each in found])
        return
    lines = [("ID", "AGE", "TURNS", "TITLE")]
    lines += [(str(each.id), age(time.time() - each.changed), f"{each.turns:,}", sane(each.title)) for each in found]
    if found:
        _print_table(environment, lines)
    else:
        environment.streams.say('no conversation yet: begin one with quoth "Why is the sky blue?"')


def _print_table(environment: Environment, lines: Sequence[tuple[str, ...]]) -> None:
    """Columns of short ASCII text; the last may be anything."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]) - 1)]
    for *cells, last in lines:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        environment.streams.answer("  ".join([*padded, last]).rstrip() + "\n")
    environment.streams.finish()


def _print_json(environment: Environment, **fields: Any) -> None:
    from quoth.history.archive import printable

    text = json.dumps({"version": __version__, **fields}, ensure_ascii=False)
    environment.streams.answer(printable(text) + "\n")
    environment.streams.finish()


def age(seconds: float) -> str:
    """How long ago in its largest unit; "now" for less than a second, and for what a clock puts into the future."""
    span = next((span for span in SPANS if seconds >= span[0]), None)
    return f"{seconds // span[0]:.0f} {span[1]}" if span else "now"


@command.command(context_settings=HELP_NAMES)
@click.argument("words", nargs=-1, required=True)
@click.option("-n", "--number", type=click.IntRange(1), default=50, metavar="N", help="At most so many (50).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def search(environment: Environment, words: tuple[str, ...], number: int, as_json: bool) -> None:
    """Find titles and turns that have all of WORDS, the newest first; the beginning of a word finds it.

    \b
    Examples:
      quoth history search rayleigh
      quoth history search '"blue light"' sky
      quoth history search 天空 --json
    """
    with _history(environment) as history:
        hits = history.search(well_formed(" ".join(words)), number)
    if as_json:
        _print_json(environment, hits=[asdict(hit) for hit in hits])
        return
    lines = [("ID", "AGE", "WHERE", "TEXT")]
    lines += [(str(hit.conversation), age(time.time() - hit.created), hit.role, sane(hit.snippet, 400)) for hit in hits]
    if hits:
        _print_table(environment, lines)
    else:
        environment.streams.say("nothing found")


@command.command(context_settings=HELP_NAMES)
@click.argument("name", metavar="ID|last")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(environment: Environment, name: str, as_json: bool) -> None:
    """Show a conversation as it went: its current path.

    \b
    Examples:
      quoth history show last
      quoth history show 12
      quoth history show 12 --json
    """
    from quoth.history import archive, export

    with _history(environment) as history:
        conversation = _named(history, name)
        turns = history.path(conversation.id)
    if as_json:
        fields = {**asdict(conversation), "turns": [archive.turn_fields(turn) for turn in turns]}
        _print_json(environment, conversation=fields)
        return
    environment.streams.answer(export.markdown([(conversation, turns)]))
    environment.streams.finish()


@command.command(context_settings=HELP_NAMES)
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Export every conversation.")
@click.option(
    "--format", "format_", type=click.Choice(["md", "json", "html"]), help="As what; by FILE's ending, or md."
)
@click.option("-o", "--output", metavar="FILE", help="Write to FILE, readable by you alone.")
@click.pass_obj
def export(
    environment: Environment, names: tuple[str, ...], everything: bool, format_: str | None, output: str | None
) -> None:
    """Export conversations: json is everything and can be imported, md and html are the current path to read.

    \b
    Examples:
      quoth history export last
      quoth history export --all -o history.json
      quoth history export 12 --format html -o sky.html
    """
    if bool(names) == everything:
        raise UsageError("export what?", "an ID, last, or --all", '"quoth history" lists the IDs')
    from quoth.history import export

    suffix = Path(output or "").suffix.removeprefix(".").lower()
    kind = format_ or (suffix if suffix in ("json", "html") else "md")
    with _history(environment) as history:
        ids = None if everything else [_named(history, name).id for name in names]
        text = export.exported(history, ids, kind)
    if output is None or output == "-":
        environment.streams.answer(text)
        environment.streams.finish()
        return
    from quoth.platform import safe_files

    with safe_files.attempt(f"write {output}"):
        safe_files.write(Path(output), text.encode("utf-8"))


@command.command("import", context_settings=HELP_NAMES)
@click.argument("file")
@click.pass_obj
def import_(environment: Environment, file: str) -> None:
    """Add the conversations of a JSON export; "-" reads standard input. All of them are added, or none.

    \b
    Examples:
      quoth history import history.json
      quoth history export --all --format json | ssh other quoth history import -
      quoth history import -
    """
    name = "standard input" if file == "-" else file
    try:
        text = _input(environment, file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is no UTF-8", f"byte {error.start:,}", "Pass a JSON export") from None
    with _history(environment) as history:
        ids = history.import_(text, name)
    environment.streams.say(f"imported {_counted(len(ids))}")


def _input(environment: Environment, file: str) -> bytes:
    from quoth.library.text_files import bytes_of

    if file != "-":
        return bytes_of(file, MOST_INPUT)
    streams = environment.streams
    data = streams.read_stdin(MOST_INPUT)
    return streams.read_terminal() if data is None else data


@command.command(context_settings=HELP_NAMES)
@click.argument("names", nargs=-1, metavar="[ID|last]...")
@click.option("--all", "everything", is_flag=True, help="Remove every conversation.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def rm(environment: Environment, names: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Remove conversations for good.

    \b
    Examples:
      quoth history rm 12
      quoth history rm 3 4 5 --yes
      quoth history rm --all
    """
    if bool(names) == everything:
        raise UsageError("remove what?", "an ID, last, or --all", '"quoth history" lists the IDs')
    with _history(environment) as history:
        chosen = history.conversations(-1) if everything else [_named(history, name) for name in names]
        unique = {each.id: each for each in chosen}
        if not yes and not _agreed(environment, [*unique.values()]):
            environment.streams.say("nothing was removed")
            return
        for id_ in unique:
            history.delete(id_)
        history.compact()
    environment.streams.say(f"removed {_counted(len(unique))}")


def _agreed(environment: Environment, chosen: Sequence[Conversation]) -> bool:
    if not environment.streams.stdin_isatty:
        raise UsageError(
            "nobody is there to ask", "standard input is no terminal", "Pass --yes to remove without asking"
        )
    what = f"{chosen[0].id} ({sane(chosen[0].title)})" if len(chosen) == 1 else _counted(len(chosen))
    answer = environment.streams.read_line(f"Remove {what}? [y/N]")
    return (answer or "").strip().lower() in ("y", "yes")


def _counted(count: int) -> str:
    return "1 conversation" if count == 1 else f"{count:,} conversations"


def _named(history: History, name: str) -> Conversation:
    """The conversation that an argument means. Raises UsageError."""
    if name == "last":
        last = history.last()
        if last is None:
            raise UsageError("there is no conversation yet", "", 'Begin one: quoth "Why is the sky blue?"')
        return last
    if not (name.isascii() and name.isdecimal()):
        raise UsageError(f"{sane(name)!r} is no conversation", "a number or last", '"quoth history" lists them')
    return history.conversation(int(name[:19]))
