"""`quoth models`: list, show, add, remove and verify models, choose the default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import ModelError, QuothError
from quoth.text import sane

if TYPE_CHECKING:
    from quoth.models import ModelFile
    from quoth.models.memory_fit import FreeMemory

HELP = """List the models on this machine: installed ones, and those that other tools left here.

\b
Examples:
  quoth models
  quoth models show smollm2-135m
  quoth models add ~/Downloads/model.gguf --name mine
"""
USUAL_CONTEXT = 4096  # tokens, for the question whether a model fits


@click.group(help=HELP, invoke_without_command=True, context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("offline", "quiet")
@click.pass_context
def command(context: click.Context, /, as_json: bool, **flags: Any) -> int:
    environment: Environment = context.obj
    environment.use(flags)
    if context.invoked_subcommand is None:
        _list(environment, as_json)
    return 0


def _list(environment: Environment, as_json: bool) -> None:
    from quoth.models import other_tools

    streams = environment.streams
    here = environment.store.list()
    elsewhere = other_tools.find(environment.environ, None)
    broken = [*here.broken, *elsewhere.broken]
    models = [*here.models, *(m for m in elsewhere.models if m.path not in {i.path for i in here.models})]
    default = _default_name(environment)
    free = environment.free_memory()
    rows = [_row(model, free, model.installed and model.name == default) for model in models]
    if as_json:
        import json

        from quoth.version import __version__

        bad = [{"name": b.name, "origin": b.origin, "why": b.why} for b in broken]
        streams.answer(json.dumps({"version": __version__, "models": rows, "broken": bad}, ensure_ascii=False) + "\n")
    else:
        _table(environment, rows)
    streams.finish()
    for each in broken:
        streams.say(f"{each.name} ({each.origin}) is broken: {each.why}")
    if not models:
        streams.say('no model yet: run "quoth pull", or "quoth models add FILE"')


def _default_name(environment: Environment) -> str | None:
    from quoth.models.resolve import default_model

    try:
        model = default_model(
            configured=environment.settings.model, store=environment.store, environment=environment.environ
        )
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
    """Whether the model fits with a usual context; None if its file cannot be read."""
    from quoth.gguf import read_header
    from quoth.models.memory_fit import fit

    try:
        return fit(read_header(model.path), free).ok
    except ModelError:
        return None


HEADINGS = ("NAME", "ORIGIN", "SIZE", "QUANT", "CONTEXT", "FITS")


def _table(environment: Environment, rows: list[dict[str, Any]]) -> None:
    """Aligned columns; on a terminal and in a pipe alike, nothing is cut."""
    lines = [HEADINGS, *map(_cells, rows)]
    if len(lines) == 1:
        return
    widths = [max(_columns(line[i]) for line in lines) for i in range(len(HEADINGS))]
    for line in lines:
        padded = (cell + " " * (width - _columns(cell)) for cell, width in zip(line, widths, strict=True))
        environment.streams.answer("  ".join(padded).rstrip() + "\n")


def _columns(text: str) -> int:
    """Columns that a text takes on a terminal: two for wide characters."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    fits = {True: "yes", False: "no", None: "?"}[row["fits"]]
    name = sane(row["name"]) + (" (default)" if row["default"] else "")
    context = f"{row['context']:,}" if row["context"] else "?"
    return name, sane(row["origin"]), f"{row['size'] / 1e6:,.0f} MB", sane(row["quantization"]), context, fits


@command.command(context_settings=HELP_NAMES)
@click.argument("name")
@click.pass_obj
def show(environment: Environment, name: str) -> None:
    """Show what a model is, its sampling values and where they come from, and its chat template.

    \b
    Examples:
      quoth models show smollm2-135m
      quoth models show ./model.gguf
      quoth models show ollama:llama3.2
    """
    from quoth.gguf import read_header
    from quoth.models.resolve import resolve

    model = resolve(name, store=environment.store, environment=environment.environ)
    header = read_header(model.path)
    rows = [*_facts(environment, model, header), *_sampling(environment, model, header)]
    width = max(len(key) for key, _ in rows)
    environment.streams.answer("".join(f"{key:<{width}}  {value}\n" for key, value in rows))
    template = header.text("tokenizer.chat_template")
    none = "chat template: none; this is a base model\n"
    environment.streams.answer(escaped_template(template) if template else none)
    environment.streams.finish()


def _facts(environment: Environment, model: ModelFile, header: Any) -> Iterator[tuple[str, str]]:
    from quoth.models import catalogue
    from quoth.models.memory_fit import fit

    yield "name", sane(model.name)
    yield "file", sane(str(model.path), 4000)
    yield "origin", sane(model.origin)
    yield "architecture", f"{sane(model.architecture)}, {header.n_layers} layers"
    yield "kind", model.kind
    yield "quantization", sane(model.quantization)
    yield "size", f"{model.size:,} bytes"
    yield "context", f"{model.n_ctx_train:,} tokens"
    row = next((row for row in catalogue.ROWS if model.origin in row.origins), None)
    licence = row.licence if row else header.text("general.license")
    yield "licence", sane(licence) or "not stated"
    if model.sha256:
        yield "sha256", model.sha256
    yield "fits", fit(header, environment.free_memory()).sentence


def _sampling(environment: Environment, model: ModelFile, header: Any) -> Iterator[tuple[str, str]]:
    from quoth.engine import SAMPLING_KEYS
    from quoth.models.sampling_defaults import sampling_values

    in_file = {name: header.metadata[key] for name, key in SAMPLING_KEYS.items() if key in header.metadata}
    asked = environment.settings.sampling
    for name, (value, origin) in sampling_values(model, in_file, asked).items():
        yield name, f"{value:g} ({origin})"


def escaped_template(template: str) -> str:
    """The template with every control code visible, and its hash."""
    import hashlib

    digest = hashlib.sha256(template.encode()).hexdigest()
    lines = (
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
        for line in template.split("\n")
    )
    return f"chat template, sha256 {digest}:\n" + "\n".join(f"  {line}" for line in lines) + "\n"


@command.command(context_settings=HELP_NAMES)
@click.argument("file")
@click.option("--name", help="The name to use for it; without it the file's own.")
@click.option("--copy", is_flag=True, help="Copy the file into the store; without it it stays where it is.")
@click.pass_obj
def add(environment: Environment, file: str, name: str | None, copy: bool) -> None:
    """Add a GGUF file, after its header was checked and it was loaded once.

    \b
    Examples:
      quoth models add ~/Downloads/model.gguf
      quoth models add model.gguf --name mine
      quoth models add /media/usb/model.gguf --copy
    """
    from quoth.gguf import check, read_header
    from quoth.library.model_pull import try_model

    path = Path(file).expanduser()
    check(read_header(path))
    try_model(environment, path)
    model = environment.store.add(path, name, copy=copy)
    environment.store.trust(model.path)
    environment.streams.answer(f"{model.name}\n")
    environment.streams.finish()


@command.command(context_settings=HELP_NAMES)
@click.argument("name")
@click.pass_obj
def rm(environment: Environment, name: str) -> None:
    """Remove a model from the store; a file that was only added stays on the disk.

    \b
    Examples:
      quoth models rm smollm2-135m
      quoth models rm mine
      quoth models rm qwen3-4b
    """
    model = environment.store.remove(name)
    environment.streams.say(f"removed {model.name}")


@command.command(context_settings=HELP_NAMES)
@click.argument("name", required=False)
@click.pass_obj
def default(environment: Environment, name: str | None) -> None:
    """Choose the model that is used when none is named; without NAME print it.

    \b
    Examples:
      quoth models default
      quoth models default qwen3-4b
      quoth models default ollama:llama3.2
    """
    from quoth.models.resolve import resolve

    if name is not None:
        model = resolve(name, store=environment.store, environment=environment.environ)
        kept = name if model.installed or model.origin != "file" else str(Path(model.path).absolute())
        environment.store.set_default(kept)
        return
    current = _default_name(environment)
    if current is None:
        raise ModelError("there is no default model", "", 'Run "quoth pull", or "quoth models default NAME"')
    environment.streams.answer(f"{current}\n")
    environment.streams.finish()


@command.command(context_settings=HELP_NAMES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.pass_obj
def verify(environment: Environment, names: tuple[str, ...]) -> None:
    """Read the files of models again and compare their SHA-256; without NAME all of them.

    \b
    Examples:
      quoth models verify
      quoth models verify smollm2-135m
      quoth models verify qwen3-4b mine
    """
    streams, store = environment.streams, environment.store
    megabyte = 1_000_000

    def progress(done: int, total: int | None) -> None:
        streams.progress.update("reading", done // megabyte, (total or 0) // megabyte, "MB")

    listing = store.list()
    for name in names or [*(model.name for model in listing.models), *(broken.name for broken in listing.broken)]:
        recorded = store.get(name)
        digest = store.verify(name, progress)
        streams.progress.clear()
        known = recorded is not None and recorded.sha256 is not None
        streams.answer(f"{name}  {digest}  {'as recorded' if known else 'no hash was recorded'}\n")
    streams.finish()
