"""`quoth quantize FILE -q TYPE`: a smaller file of a GGUF."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import StorageError, UsageError

if TYPE_CHECKING:
    from quoth_converters.output.quantize import Plan

HELP = """Write a GGUF at other quantizations. FILE may be the name of a model too.

Each result stands beside FILE, with its type in its name. Widths that 256 does not divide make some types larger than
their names say: --dry-run shows what each would really come to, and which one to take.

\b
Examples:
  quoth quantize model.F16.gguf --dry-run
  quoth quantize model.F16.gguf -q Q8_0 -q Q4_K_M
  quoth quantize model.F16.gguf -q auto -o small.gguf
"""
AUTO = "AUTO"
_TYPE_AT_END = re.compile(r"[.-](BF16|F16|F32)$", re.IGNORECASE)


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("file")
@click.option("-q", "--quant", "types", multiple=True, metavar="TYPE", help='Such as Q8_0, or "auto"; may be repeated.')
@click.option("-o", "--output", metavar="FILE", help="Write this file.")
@click.option("--requantize", is_flag=True, help="Take a file that is quantized already, and lose more.")
@click.option("--dry-run", is_flag=True, help="Say what each type would come to.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("quiet")
@click.pass_obj
def command(
    environment: Environment,
    /,
    file: str,
    types: tuple[str, ...],
    output: str | None,
    requantize: bool,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    from quoth.models.conversion import known_types

    environment.use(flags)
    environment.streams.require_stdout()
    source = _source(environment, file)
    wanted = [each.strip().upper() for each in ",".join(types).split(",") if each.strip()]
    known_types(each for each in wanted if each != AUTO)
    if not wanted and not dry_run:
        raise UsageError("no type was given", "", f"Add -q Q8_0, or see what there is: quoth quantize {file} --dry-run")
    if dry_run:
        return _show_plans(environment, source, wanted, as_json)
    chosen = [*dict.fromkeys(_recommended(source) if each == AUTO else each for each in wanted)]
    targets = _targets(source, chosen, output, beside=os.path.exists(os.path.expanduser(file)), force=force)
    return _write(environment, source, targets, requantize=requantize, force=force, as_json=as_json)


def _source(environment: Environment, file: str) -> Path:
    """The file itself, or that of a model; a quick look says whether it is a model at all."""
    from quoth.gguf import check, read_header
    from quoth.models.resolve import resolve

    path = resolve(file, store=environment.store, environment=environment.environ).path
    check(read_header(path))
    return path


def _recommended(source: Path) -> str:
    """The type to take; F16 where nothing is to be won."""
    _, best = _plans(source, ())
    return best.type if best else "F16"


def _plans(source: Path, types: Sequence[str]) -> tuple[list[Plan], Plan | None]:
    """What the types come to, the usual ones if none is named, and the one to take."""
    from quoth.gguf import read_header
    from quoth.models.conversion import parameters
    from quoth_converters.output.quantize import plan, recommended

    plans = plan(source)
    best = recommended(plans, parameters(read_header(source)))
    return (plan(source, types) if types else plans), best


def _show_plans(environment: Environment, source: Path, types: Sequence[str], as_json: bool) -> int:
    from quoth.cli.run.converting import print_json

    plans, best = _plans(source, [each for each in types if each != AUTO])
    if as_json:
        rows = [
            {"type": p.type, "size": p.size, "bits_per_weight": round(p.bits_per_weight, 3), "tensors": dict(p.tensors)}
            for p in plans
        ]
        print_json(environment, {"path": str(source), "plans": rows, "recommended": best.type if best else None})
    else:
        environment.streams.answer("".join(f"{line}\n" for line in table(plans, best)))
    environment.streams.finish()
    return 0


def table(plans: Sequence[Plan], best: Plan | None) -> Iterator[str]:
    """A line for each type: size, bits per weight and the types its tensors really get."""
    from quoth.models.sources.partial_download import format_size

    yield f"{'TYPE':<8} {'SIZE':>12} {'BITS':>6}  TENSORS"
    for plan in plans:
        tensors = ", ".join(f"{count} {kind}" for kind, count in plan.tensors.items())
        mark = "  (recommended)" if best and plan.type == best.type else ""
        yield f"{plan.type:<8} {format_size(plan.size):>12} {plan.bits_per_weight:>6.2f}  {tensors}{mark}"
    if best is None:
        yield "recommended: leave it as it is, there is nothing to win"


def _targets(source: Path, types: Sequence[str], output: str | None, *, beside: bool, force: bool) -> dict[str, Path]:
    """Where each type goes; a model's name puts it into the working directory, a file beside it."""
    if output and len(types) > 1:
        raise UsageError("-o names one file", f"{len(types)} types were given", "Leave -o out, or give one -q")
    stem = _TYPE_AT_END.sub("", source.stem)
    folder = source.parent if beside else Path()
    targets = {kind: Path(os.path.expanduser(output)) if output else folder / f"{stem}.{kind}.gguf" for kind in types}
    for target in targets.values():
        if os.path.lexists(target) and (not force or target.is_dir()):
            raise StorageError(f"{target} exists", "", "Give another name with -o, or --force to replace it")
    return targets


def _write(
    environment: Environment,
    source: Path,
    targets: dict[str, Path],
    *,
    requantize: bool,
    force: bool,
    as_json: bool,
) -> int:
    from quoth.cli.run.converting import Counting, print_json
    from quoth.models.sources.partial_download import format_size
    from quoth_converters.output.quantize import quantize

    streams, counting, files = environment.streams, Counting(environment), []
    for kind, target in targets.items():
        written = quantize(
            source,
            target,
            kind,
            requantize=requantize,
            force=force,
            progress=partial(counting, f"quantizing to {kind}"),
        )
        streams.progress.clear()
        plan = written.plan
        streams.say(f"wrote {target}: {format_size(plan.size)}, {kind}, {plan.bits_per_weight:.2f} bits a weight")
        files.append({"type": kind, "path": str(target), "size": plan.size})
    if as_json:
        print_json(environment, {"files": files})
    else:
        streams.answer("".join(f"{target}\n" for target in targets.values()))
    streams.finish()
    return 0
