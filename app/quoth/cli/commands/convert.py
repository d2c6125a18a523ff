"""`quoth convert SRC`: a checkpoint becomes a GGUF that was checked against it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import StorageError, UsageError

if TYPE_CHECKING:
    from quoth.cli.run.converting import Targets
    from quoth.models.conversion import Level, Made, Order
    from quoth_converters.conversion import Described
    from quoth_converters.output.writer import OutType

HELP = """Convert a checkpoint to a GGUF, check that the two are the same model, and install it.

SRC is a folder or a file: a nanoGPT ckpt.pt, what save_pretrained or a Trainer wrote, safetensors, or hf:OWNER/REPO.
Nothing in it is executed. The path goes to standard output, the report to standard error.

\b
Examples:
  quoth convert out-shakespeare-char/ckpt.pt --meta data/shakespeare_char/meta.pkl --name shakespeare
  quoth convert ./my-gpt2 --quant Q8_0,Q4_K_M -o my-gpt2.gguf
  quoth convert --check my-gpt2.gguf ./my-gpt2
"""
# A file of these names says nothing; its folder may.
_PLAIN = re.compile(r"(model|pytorch_model|ckpt|checkpoint|best|last|final)?([.-].*)?", re.IGNORECASE)


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("source", metavar="SRC")
@click.option("-o", "--output", metavar="FILE", help="Write this file, and do not install it.")
@click.option("--name", help="The name to install it under; without it that of the folder or file.")
@click.option("--quant", metavar="TYPE,...", default="", help='Quantize: "Q8_0,Q4_K_M", or "auto".')
@click.option("--outtype", type=click.Choice(["f32", "f16", "bf16"]), default="f16", show_default=True, help="Weights.")
@click.option("--tokenizer", metavar="PATH", help="The tokenizer's folder or file.")
@click.option("--meta", metavar="FILE", help="The meta.pkl of a character model's data set.")
@click.option("--n-head", type=click.IntRange(1), metavar="N", help="Heads, where the checkpoint does not say.")
@click.option(
    "--verify", "level", type=click.Choice(["none", "quick", "full"]), default="quick", show_default=True,
    help="How much is checked.",
)  # fmt: skip
@click.option("--check", metavar="FILE", help="Check this GGUF against SRC, and write nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@click.option("--force", is_flag=True, help="Replace a file or a model of that name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("offline", "quiet")
@click.pass_obj
def command(
    environment: Environment,
    /,
    source: str,
    output: str | None,
    name: str | None,
    quant: str,
    outtype: OutType,
    tokenizer: str | None,
    meta: str | None,
    n_head: int | None,
    level: Level,
    check: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    from quoth.cli.run.converting import check_file, named
    from quoth.models.conversion import Order

    environment.use(flags)
    environment.streams.require_stdout()
    order = Order(
        source=Path(os.path.expanduser(source)),
        name=name or default_name(source),
        outtype=outtype,
        types=_types(quant),
        level=level,
        tokenizer=named(tokenizer),
        meta=named(meta),
        n_head=n_head,
    )
    targets = None if check else _targets(environment, order, output, name, force)
    with _on_disk(environment, source, order, keep=dry_run) as order:
        if targets is None:
            return check_file(environment, order, Path(check or ""), as_json)
        return _convert(environment, order, targets, source, dry_run=dry_run, as_json=as_json)


def _on_disk(environment: Environment, source: str, order: Order, *, keep: bool) -> AbstractContextManager[Order]:
    """The order with a source on the disk: one of the hub is fetched."""
    from quoth.cli.run.converting import fetched

    return fetched(environment, source, order, keep=keep) if source.startswith("hf:") else nullcontext(order)


def _types(quant: str) -> tuple[str, ...]:
    from quoth.models.conversion import RECOMMENDED

    types = [each.strip() for each in quant.split(",") if each.strip()]
    return tuple(RECOMMENDED if each.lower() == RECOMMENDED else each.upper() for each in types)


def default_name(source: str) -> str:
    """The name of a checkpoint: its folder's where the file's own says nothing."""
    from quoth.models.installed import name_from

    if source.startswith("hf:"):
        return name_from(source.rpartition("/")[2])
    path = Path(os.path.abspath(os.path.expanduser(source)))
    if _PLAIN.fullmatch(path.name) and path.parent.name and not path.is_dir():
        path = path.parent
    return name_from(path.stem if path.is_file() else path.name)


def _targets(environment: Environment, order: Order, output: str | None, name: str | None, force: bool) -> Targets:
    from quoth.cli.run.converting import Targets
    from quoth.models.conversion import known_types

    if output and name:
        raise UsageError("-o writes a file and --name installs a model", "", "Give one of the two")
    file = Path(os.path.expanduser(output)) if output else None
    if file is not None and file.is_dir():
        raise StorageError(f"{file} is a folder", "", f"Name a file in it, such as {file / 'model.gguf'}")
    if file is not None and not file.absolute().parent.is_dir():
        raise StorageError(f"there is no folder {file.parent}", "", "Make it first, or give another name")
    known_types(order.types)
    targets = Targets(environment, order, file, force)
    targets.refuse_taken(tuple(dict.fromkeys(order.types)) or (order.outtype.upper(),))
    return targets


def _convert(
    environment: Environment, order: Order, targets: Targets, source: str, *, dry_run: bool, as_json: bool
) -> int:
    from quoth.cli.run.converting import Counting, about, print_json
    from quoth.models.conversion import look, make, to_json, workplace

    streams = environment.streams
    described = look(order)
    targets.refuse_source(described)
    if dry_run:
        return _say_only(environment, described, as_json)
    for line in about(described):
        streams.say(line)
    with workplace(targets.beside) as folder:
        made = make(described, order, folder, Counting(environment))
        if made.report is None:
            _try(environment, made)
        placed = targets.place(made, source if source.startswith("hf:") else f"file:{order.name}")
    streams.progress.clear()
    for line in _report(made, placed):
        streams.say(line)
    if as_json:
        print_json(environment, {**to_json(made), "files": [_file(*each) for each in placed]})
    else:
        streams.answer("".join(f"{path}\n" for _, path, _ in placed))
    streams.finish()
    return 0


def _try(environment: Environment, made: Made) -> None:
    """What was not checked is at least loaded once."""
    from quoth.library.model_pull import try_model

    for path in made.files.values():
        try_model(environment, path)


def _report(made: Made, placed: list[tuple[str, Path, str]]) -> Iterator[str]:
    from quoth.text.units import format_size

    yield from made.report.lines() if made.report else ("nothing was checked: --verify none",)
    for kind, path, name in placed:
        size = format_size(path.stat().st_size)
        yield f"installed {name}: {size}, {kind}" if name else f"wrote {path}: {size}, {kind}"


def _say_only(environment: Environment, described: Described, as_json: bool) -> int:
    from quoth.cli.run.converting import about, description, print_json, sizes

    if as_json:
        print_json(environment, description(described))
    else:
        environment.streams.answer("".join(f"{line}\n" for line in (*about(described), *sizes(described))))
    environment.streams.finish()
    return 0


def _file(kind: str, path: Path, name: str) -> dict[str, Any]:
    return {"type": kind, "path": str(path), "size": path.stat().st_size, **({"name": name} if name else {})}
