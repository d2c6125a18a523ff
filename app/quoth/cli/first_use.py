"""The first use without a model: one question on a terminal, a sensible choice off it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quoth.cli.environment import Environment
from quoth.cli.pulling import pull_named
from quoth.engine import host
from quoth.errors import ModelError, NetworkError, StorageError
from quoth.models import Model, catalogue

GIB = 1024**3
RECOMMENDED_NEEDS = 8 * GIB  # free memory from which the recommended class is offered
MEGABYTES_A_SECOND = 5.0  # what minutes are reckoned with
DEMONSTRATION = "a 135M demonstration model: expect mistakes"


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the question: a model that is here, or a catalogue row to fetch."""

    label: str
    model: Model | None = None
    row: catalogue.Row | None = None


def recommended_row() -> catalogue.Row:
    """The catalogue row for this machine's free memory."""
    return catalogue.of("recommended" if host.free_memory() >= RECOMMENDED_NEEDS else "small")


def choices(found: Sequence[Model], hub_reachable: bool) -> list[Choice]:
    """What can be chosen; the first is what Enter takes."""
    lines: list[Choice] = []
    if hub_reachable:
        rows = [recommended_row()]
        if rows[0].class_ == "recommended":
            rows.append(catalogue.of("small"))
        lines += [Choice(f"{row.name}: {_download(row)}", row=row) for row in rows]
    best_first = sorted(found, key=lambda model: (model.kind != "chat", -model.size))[:5]
    lines += [Choice(_described(model), model=model) for model in best_first]
    row = catalogue.of("demonstration")
    return [*lines, Choice(f"{row.name}: {_download(row)}; {DEMONSTRATION}", row=row)]


def _described(model: Model) -> str:
    return f"{model.name}: {model.size / 1e9:.1f} GB, already on this machine ({model.origin.partition(':')[0]})"


def _download(row: catalogue.Row) -> str:
    minutes = row.size / 1e6 / MEGABYTES_A_SECOND / 60
    time = f"about {minutes:.0f} min at {MEGABYTES_A_SECOND:.0f} MB/s" if minutes >= 1 else "less than a minute"
    return f"{row.params} parameters, {row.licence}, download {row.size / 1e9:.1f} GB, {time}"


def ask(environment: Environment, found: Sequence[Model]) -> Model:
    """One question on the terminal; Enter takes the first line."""
    from quoth.models import hub

    streams = environment.streams
    reachable = hub.reachable(hub.endpoint())
    lines = choices(found, reachable)
    streams.say("no model yet. Which one?" if reachable else "no model yet, and the hub is out of reach. Which one?")
    for number, choice in enumerate(lines, 1):
        streams.say(f"  {number}  {choice.label}")
    chosen = lines[_number(environment, len(lines)) - 1]
    if chosen.model is not None:
        return _remember(environment, chosen.model)
    assert chosen.row is not None
    return pull_named(environment, chosen.row.name)


def _number(environment: Environment, most: int) -> int:
    """What was typed, from 1 to `most`; Enter is 1. Raises ModelError at the end of the input."""
    while (line := environment.streams.read_line(f"1-{most}, Enter for 1:")) is not None:
        answer = line.strip() or "1"
        if answer.isdecimal() and 1 <= int(answer) <= most:
            return int(answer)
    raise ModelError("no model was chosen", "", 'Run "quoth pull", or pass -m FILE.gguf')


def _remember(environment: Environment, model: Model) -> Model:
    """Register a found model in place, so that the question is asked once."""
    from quoth.models.store import name_from

    try:
        added = environment.store.add(model.path, name_from(model.name), origin=model.origin)
        environment.store.set_default(added.name)
    except StorageError as error:
        environment.streams.say(str(error))
        return model
    return added


def pull_small(environment: Environment) -> Model:
    """Off a terminal: the small tier, or the demonstration model when the hub is out of reach."""
    from quoth.models import hub

    streams = environment.streams
    if hub.reachable(hub.endpoint()):
        row = catalogue.of("small")
        streams.say(f"no model yet: pulling {row.name}, {_download(row)}")
        try:
            return pull_named(environment, row.name)
        except NetworkError as error:
            streams.say(str(error))
    row = catalogue.of("demonstration")
    streams.say(f"no model yet and the hub is out of reach: pulling {row.name}, {DEMONSTRATION}")
    return pull_named(environment, row.name)
