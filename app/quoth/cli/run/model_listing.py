"""`quoth models`: the table of models, the facts of one, the default, hashes compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from quoth.cli.environment import Environment
from quoth.cli.printing import columns, escaped_template, print_json, print_lines
from quoth.engine import SAMPLING_KEYS
from quoth.errors import ModelError, QuothError
from quoth.gguf import Header, check, read_header
from quoth.library.model_choice import chosen, named
from quoth.library.model_offers import free_memory
from quoth.library.model_pull import try_model
from quoth.models import ModelFile, catalogue, other_tools
from quoth.models.memory_fit import FreeMemory, fit
from quoth.models.sampling_defaults import sampling_values
from quoth.text import one_line
from quoth.text.units import format_megabytes

HEADINGS = ("NAME", "ORIGIN", "SIZE", "QUANT", "CONTEXT", "FITS")
MEGABYTE = 1_000_000


def list_models(environment: Environment, as_json: bool) -> None:
    streams = environment.streams
    here = environment.store.list()
    elsewhere = other_tools.find(environment.environ, None)
    broken = [*here.broken, *elsewhere.broken]
    models = [*here.models, *(m for m in elsewhere.models if m.path not in {i.path for i in here.models})]
    default = _default_name(environment)
    free = free_memory(environment)
    rows = [_row(model, free, model.installed and model.name == default) for model in models]
    if as_json:
        bad = [{"name": b.name, "origin": b.origin, "why": b.why} for b in broken]
        print_json(streams, {"models": rows, "broken": bad})
    elif rows:
        print_lines(streams, columns([HEADINGS, *map(_cells, rows)]))
    for each in broken:
        streams.say(f"{each.name} ({each.origin}) is broken: {each.why}")
    if not models:
        environment.store.check_folder()
        streams.say('no model yet: run "quoth pull", or "quoth models add FILE"')


def _default_name(environment: Environment) -> str | None:
    try:
        model = chosen(environment)
    except QuothError:
        return None
    return model.name if model else None


def _row(model: ModelFile, free: FreeMemory, is_default: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "origin": model.origin,
        "size": model.size,
        "quantization": model.quantization,
        "context": model.n_ctx_train,
        "fits": _fits(model, free),
        "default": is_default,
        "path": str(model.path),
    }


def _fits(model: ModelFile, free: FreeMemory) -> bool | None:
    """Whether the model fits; None if its file cannot be read."""
    try:
        return fit(read_header(model.path), free).ok
    except ModelError:
        return None


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    fits = {True: "yes", False: "no", None: "?"}[row["fits"]]
    name = one_line(row["name"]) + (" (default)" if row["default"] else "")
    context = f"{row['context']:,}" if row["context"] else "?"
    return name, one_line(row["origin"]), format_megabytes(row["size"]), one_line(row["quantization"]), context, fits


def show_model(environment: Environment, name: str) -> None:
    model = named(environment, name)
    header = read_header(model.path)
    rows = [*_facts(environment, model, header), *_sampling(environment, model, header)]
    template = header.text("tokenizer.chat_template")
    print_lines(environment.streams, [*columns(rows), *escaped_template(template)])


def _facts(environment: Environment, model: ModelFile, header: Header) -> Iterator[tuple[str, str]]:
    yield "name", one_line(model.name)
    yield "file", one_line(str(model.path), 4000)
    yield "origin", one_line(model.origin)
    yield "architecture", f"{one_line(model.architecture)}, {header.n_layers} layers"
    yield "kind", model.kind
    yield "quantization", one_line(model.quantization)
    yield "size", f"{model.size:,} bytes"
    yield "context", f"{model.n_ctx_train:,} tokens"
    row = next((row for row in catalogue.ROWS if model.origin in row.origins), None)
    licence = row.licence if row else header.text("general.license")
    yield "licence", one_line(licence) or "not stated"
    if model.sha256:
        yield "sha256", model.sha256
    yield "fits", fit(header, free_memory(environment)).sentence


def _sampling(environment: Environment, model: ModelFile, header: Header) -> Iterator[tuple[str, str]]:
    in_file = {name: header.metadata[key] for name, key in SAMPLING_KEYS.items() if key in header.metadata}
    asked = environment.settings.sampling
    on_data = sampling_values(model, in_file, asked, on_data=True)
    for name, (value, origin) in sampling_values(model, in_file, asked).items():
        differs = f"; {on_data[name][0]:g} with a pipe or -f" if on_data[name][0] != value else ""
        yield name, f"{value:g} ({origin}){differs}"


def add_model(environment: Environment, file: str, name: str | None, copy: bool) -> None:
    path = Path(file).expanduser()
    check(read_header(path))
    try_model(environment, path)
    model = environment.store.add(path, name, copy=copy)
    environment.store.trust(model.path)
    print_lines(environment.streams, [model.name])


def remove_model(environment: Environment, name: str) -> None:
    model = environment.store.remove(name)
    environment.streams.say(f"removed {model.name}")


def choose_default(environment: Environment, name: str | None) -> None:
    """Store the default; without a name print it."""
    if name is not None:
        model = named(environment, name)
        by_name = model.installed or model.origin != "file"
        environment.store.set_default(name if by_name else str(model.path.absolute()))
        return
    current = _default_name(environment)
    if current is None:
        raise ModelError("there is no default model", "", 'Run "quoth pull", or "quoth models default NAME"')
    print_lines(environment.streams, [current])


def verify_models(environment: Environment, names: Sequence[str]) -> None:
    """Compare the SHA-256 of models' files with those recorded; without names of all."""
    streams, store = environment.streams, environment.store

    def progress(done: int, total: int | None) -> None:
        streams.progress.update("reading", done // MEGABYTE, (total or 0) // MEGABYTE, "MB")

    listing = store.list()
    for name in names or [*(model.name for model in listing.models), *(broken.name for broken in listing.broken)]:
        recorded = store.get(name)
        digest = store.verify(name, progress)
        streams.progress.clear()
        known = recorded is not None and recorded.sha256 is not None
        streams.answer(f"{name}  {digest}  {'as recorded' if known else 'no hash was recorded'}\n")
    streams.finish()
