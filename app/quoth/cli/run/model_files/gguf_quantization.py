"""`quoth quantize`: what a GGUF comes to at other quantizations, and writing them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from quoth.cli.environment import Environment
from quoth.cli.inputs import path_of
from quoth.cli.printing import print_result
from quoth.cli.run.model_files.step_progress import show_step
from quoth.errors import StorageError, UsageError
from quoth.gguf import Header, check, read_header
from quoth.library.model_choice import named
from quoth.models.conversion import RECOMMENDED, ConversionProgress, parse_types
from quoth.text.units import format_size
from quoth_converters.output.llama_quantization import Plan, plan, quantize, recommended

_TYPE_AT_END = re.compile(r"[.-](BF16|F16|F32)$", re.IGNORECASE)


def quantize_file(
    environment: Environment,
    file: str,
    quants: Sequence[str],
    *,
    output: str | None,
    requantize: bool,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a GGUF at other quantizations, or print what they come to."""
    environment.streams.require_stdout()
    source = named(environment, file).path
    header = read_header(source)
    check(header)
    types = parse_types(",".join(quants))
    if not types and not dry_run:
        raise UsageError("no type was given", "", f"Add -q Q8_0, or see what there is: quoth quantize {file} --dry-run")
    if dry_run:
        _print_plans(environment, header, types, as_json)
        return
    best = plans_of(header)[1] if RECOMMENDED in types else None
    recommended_type = best.type if best else "F16"  # no quantization is worth it
    chosen = [*dict.fromkeys(recommended_type if each == RECOMMENDED else each for each in types)]
    folder = source.parent if path_of(file).exists() else Path()  # for the name of a model the working directory
    targets = _targets(source, folder, chosen, output, force)
    _write(environment, source, targets, requantize=requantize, force=force, as_json=as_json)


def plans_of(header: Header, types: Sequence[str] = ()) -> tuple[list[Plan], Plan | None]:
    """What the types come to, by default the usual ones, and the one to take."""
    usual = plan(header.path)
    return plan(header.path, types) if types else usual, recommended(usual, header.parameters)


def _print_plans(environment: Environment, header: Header, types: Sequence[str], as_json: bool) -> None:
    plans, best = plans_of(header, [each for each in types if each != RECOMMENDED])
    rows = [
        {"type": p.type, "size": p.size, "bits_per_weight": round(p.bits_per_weight, 3), "tensors": dict(p.tensors)}
        for p in plans
    ]
    fields = {"path": str(header.path), "plans": rows, "recommended": best.type if best else None}
    print_result(environment.streams, as_json, fields, plan_lines(plans, best))


def plan_lines(plans: Sequence[Plan], best: Plan | None) -> Iterator[str]:
    """A line for each type: size, bits per weight and the types its tensors really get."""
    yield f"{'TYPE':<8} {'SIZE':>12} {'BITS':>6}  TENSORS"
    for row in plans:
        tensors = ", ".join(f"{count} {kind}" for kind, count in row.tensors.items())
        mark = "  (recommended)" if best and row.type == best.type else ""
        yield f"{row.type:<8} {format_size(row.size):>12} {row.bits_per_weight:>6.2f}  {tensors}{mark}"
    if best is None:
        yield "recommended: keep the file as it is, a quantization would gain nothing"


def _targets(source: Path, folder: Path, types: Sequence[str], output: str | None, force: bool) -> dict[str, Path]:
    if output and len(types) > 1:
        raise UsageError("-o names one file", f"{len(types)} types were given", "Leave -o out, or give one -q")
    stem = _TYPE_AT_END.sub("", source.stem)
    targets = {type_: path_of(output) if output else folder / f"{stem}.{type_}.gguf" for type_ in types}
    for target in targets.values():
        if os.path.lexists(target) and (not force or target.is_dir()):
            raise StorageError(f"{target} exists", "", "Give another name with -o, or --force to replace it")
    return targets


def _write(
    environment: Environment, source: Path, targets: dict[str, Path], *, requantize: bool, force: bool, as_json: bool
) -> None:
    streams, files = environment.streams, []
    for type_, target in targets.items():

        def count(done: int, total: int, type_: str = type_) -> None:
            show_step(streams, ConversionProgress("quantizing", done, total, type_))

        written = quantize(source, target, type_, requantize=requantize, force=force, progress=count)
        streams.progress.clear()
        size, bits = format_size(written.size), written.bits_per_weight
        streams.say(f"wrote {target}: {size}, {type_}, {bits:.2f} bits per weight")
        files.append({"type": type_, "path": str(target), "size": written.size})
    print_result(streams, as_json, {"files": files}, map(str, targets.values()))
