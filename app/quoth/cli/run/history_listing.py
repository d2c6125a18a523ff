"""`quoth history`: conversations listed, found, shown, exported, imported and removed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quoth.cli.environment import Environment
from quoth.cli.printing import columns, json_text, print_lines
from quoth.errors import InputError, StorageError, UsageError
from quoth.history import Conversation, History, export, json_archive
from quoth.library.text_files import bytes_of
from quoth.platform import safe_files
from quoth.text import one_line, well_formed
from quoth.text.units import counted

MAX_IMPORT = 1 << 30  # bytes
SPANS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@contextmanager
def _history(environment: Environment) -> Iterator[History]:
    """The history file, also in a run that writes nothing to it. Raises StorageError if it cannot be read."""
    history = History(environment.folders.history)
    try:
        if history.in_memory:
            raise StorageError("the history cannot be read", history.problem, "Correct that and try again")
        yield history
        if history.problem:
            environment.streams.say(history.problem)
    finally:
        history.close()


def list_conversations(environment: Environment, number: int, as_json: bool) -> None:
    with _history(environment) as history:
        found = history.conversations(number)
    if as_json:
        _print_json(environment, conversations=[asdict(each) for each in found])
    elif found:
        rows = [(str(each.id), age(each.changed), f"{each.turns:,}", one_line(each.title)) for each in found]
        print_lines(environment.streams, columns([("ID", "AGE", "TURNS", "TITLE"), *rows]))
    else:
        environment.streams.say('no conversation yet: begin one with quoth "Why is the sky blue?"')


def search_turns(environment: Environment, words: Sequence[str], number: int, as_json: bool) -> None:
    with _history(environment) as history:
        hits = history.search(well_formed(" ".join(words)), number)
    if as_json:
        _print_json(environment, hits=[asdict(hit) for hit in hits])
    elif hits:
        rows = [(str(hit.conversation), age(hit.created), hit.role, one_line(hit.snippet, 400)) for hit in hits]
        print_lines(environment.streams, columns([("ID", "AGE", "WHERE", "TEXT"), *rows]))
    else:
        environment.streams.say("nothing found")


def age(moment: float) -> str:
    """How long ago a moment was, in its largest unit; "now" for less than a second, and for one in the future."""
    seconds = time.time() - moment
    span = next((span for span in SPANS if seconds >= span[0]), None)
    return f"{seconds // span[0]:.0f} {span[1]}" if span else "now"


def _print_json(environment: Environment, **fields: Any) -> None:
    environment.streams.print(json_archive.printable(json_text(fields)))


def show_conversation(environment: Environment, name: str, as_json: bool) -> None:
    with _history(environment) as history:
        conversation = _named(history, name)
        turns = history.path(conversation.id)
    if as_json:
        fields = {**asdict(conversation), "turns": [json_archive.turn_fields(turn) for turn in turns]}
        _print_json(environment, conversation=fields)
        return
    environment.streams.print(export.markdown([(conversation, turns)]))


def export_conversations(
    environment: Environment, names: Sequence[str], everything: bool, format_: str | None, output: str | None
) -> None:
    """Write conversations to a file or to standard output; the format is that of the file's suffix, else md."""
    if bool(names) == everything:
        raise UsageError("export what?", "an ID, last, or --all", '"quoth history" lists the IDs')
    suffix = Path(output or "").suffix.removeprefix(".").lower()
    kind = format_ or (suffix if suffix in ("json", "html") else "md")
    with _history(environment) as history:
        ids = None if everything else [_named(history, name).id for name in names]
        text = export.exported(history, ids, kind)
    if output is None or output == "-":
        environment.streams.print(text)
        return
    with safe_files.attempt(f"write {output}"):
        safe_files.write(Path(output), text.encode("utf-8"))


def import_conversations(environment: Environment, file: str) -> None:
    """Read a JSON export from a file, or from standard input for "-"."""
    name, streams = "standard input" if file == "-" else file, environment.streams
    data = streams.read_stdin(MAX_IMPORT) if file == "-" else bytes_of(file, MAX_IMPORT)
    if data is None:  # nothing was piped
        data = streams.read_terminal()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8", f"at byte {error.start:,}", "Pass a JSON export") from None
    with _history(environment) as history:
        ids = json_archive.import_into(history, text, name)
    streams.say(f"imported {counted(len(ids), 'conversations')}")


def remove_conversations(environment: Environment, names: Sequence[str], everything: bool, yes: bool) -> None:
    """Remove conversations for good; without `yes` the user is asked."""
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
    environment.streams.say(f"removed {counted(len(unique), 'conversations')}")


def _agreed(environment: Environment, chosen: Sequence[Conversation]) -> bool:
    if not environment.streams.stdin_isatty:
        raise UsageError(
            "removing needs your consent", "standard input is not a terminal", "Pass --yes to remove without a question"
        )
    what = (
        f"{chosen[0].id} ({one_line(chosen[0].title)})" if len(chosen) == 1 else counted(len(chosen), "conversations")
    )
    answer = environment.streams.read_line(f"Remove {what}? [y/N]")
    return (answer or "").strip().lower() in ("y", "yes")


def _named(history: History, name: str) -> Conversation:
    """The conversation that an argument means. Raises UsageError."""
    if name == "last":
        last = history.last()
        if last is None:
            raise UsageError("there is no conversation yet", "", 'Begin one: quoth "Why is the sky blue?"')
        return last
    if not (name.isascii() and name.isdecimal()):
        raise UsageError(
            f"{one_line(name)!r} is not a conversation", "pass a number or last", '"quoth history" lists them'
        )
    return history.conversation(int(name[:19]))
