"""`quoth inspect FILE`: what a GGUF or a checkpoint holds."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.cli.printing import escaped_template
from quoth.text import sane

if TYPE_CHECKING:
    from quoth.gguf import Header
    from quoth.models.conversion import Order
    from quoth_converters.output.quantize import Plan

HELP = """Show what a GGUF or a checkpoint holds: its architecture, parameters, tensors, tokenizer and chat template.

For a GGUF that is not quantized also its size at each quantization. Nothing of a file is executed.

\b
Examples:
  quoth inspect model.gguf
  quoth inspect out-shakespeare-char/ckpt.pt
  quoth inspect ./my-gpt2 --json
"""
_WHOLE = ("F32", "F16", "BF16")
Row = tuple[str, str]


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("file")
@click.option("--tokenizer", metavar="PATH", help="The tokenizer's folder or file, of a checkpoint.")
@click.option("--meta", metavar="FILE", help="The meta.pkl of a character model's data set.")
@click.option("--n-head", type=click.IntRange(1), metavar="N", help="Heads, where the checkpoint does not say.")
@click.option("--tensors", is_flag=True, help="List every tensor.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("quiet")
@click.pass_obj
def command(
    environment: Environment,
    /,
    file: str,
    tokenizer: str | None,
    meta: str | None,
    n_head: int | None,
    tensors: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    environment.use(flags)
    environment.streams.require_stdout()
    path = Path(os.path.expanduser(file))
    if path.exists() and not _is_gguf(path):
        from quoth.cli.run.converting import named
        from quoth.models.conversion import Order

        order = Order(path, path.name, tokenizer=named(tokenizer), meta=named(meta), n_head=n_head)
        return _checkpoint(environment, order, tensors, as_json)
    return _gguf(environment, file, tensors, as_json)


def _is_gguf(path: Path) -> bool:
    """Whether the file begins as one; a damaged one of that name is told so by the reader."""
    if not path.is_file():  # to open a pipe would be to wait for it
        return False
    if path.suffix.lower() == ".gguf":
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _checkpoint(environment: Environment, order: Order, tensors: bool, as_json: bool) -> int:
    from quoth.cli.run.converting import about, description, print_json, sizes
    from quoth.models.conversion import look

    described = look(order)
    spec = described.spec
    if as_json:
        print_json(environment, description(described))
    else:
        lines = [*about(described), *sizes(described), *escaped_template(spec.vocabulary.chat_template)]
        if tensors:
            lines += [
                f"{name}  {tensor.dtype}  {_shape(tensor.shape)}" for name, tensor in described.source.tensors.items()
            ]
        environment.streams.answer("".join(f"{line}\n" for line in lines))
    environment.streams.finish()
    return 0


def _gguf(environment: Environment, file: str, tensors: bool, as_json: bool) -> int:
    from quoth.cli.commands.quantize import table
    from quoth.cli.run.converting import print_json
    from quoth.gguf import check, read_header
    from quoth.models.resolve import resolve

    header = read_header(resolve(file, store=environment.store, environment=environment.environ).path)
    check(header)
    plans, best = _plans(header)
    if as_json:
        print_json(environment, _fields(header, plans, best))
    else:
        rows = [*_rows(header)]
        width = max(len(key) for key, _ in rows)
        lines = [f"{key:<{width}}  {sane(value, 4000)}" for key, value in rows]
        lines += [*table(plans, best)] if plans else []
        lines += escaped_template(header.chat_template)
        lines += [f"{t.name}  {_type(t.type)}  {_shape(t.shape[::-1])}" for t in header.tensors] if tensors else []
        environment.streams.answer("".join(f"{line}\n" for line in lines))
    environment.streams.finish()
    return 0


def _plans(header: Header) -> tuple[list[Plan], Plan | None]:
    """What it would come to at each quantization; nothing for a file that is quantized already."""
    if header.quantization not in _WHOLE or len(header.parts) > 1:
        return [], None
    from quoth.models.conversion import parameters
    from quoth_converters.output.quantize import plan, recommended

    plans = plan(header.path)
    return plans, recommended(plans, parameters(header))


def _rows(header: Header) -> Iterator[Row]:
    from quoth.models.conversion import parameters

    yield "file", str(header.path)
    yield "name", header.name or "none"
    yield "architecture", f"{header.architecture}, {header.kind}"
    if family := header.text("quoth.source.family"):
        yield "made of", f"{header.text('quoth.source.name')}, {family}, {header.text('quoth.source.format')}"
        yield "its sha256", header.text("quoth.source.sha256")
    yield "parameters", f"{parameters(header):,}"
    yield "layers", f"{header.n_layers}, {header.n_embd} wide, {max(header.n_head, default=0)} heads"
    yield "context", f"{header.n_ctx_train:,} tokens"
    yield "quantization", header.quantization
    yield "size", f"{header.size:,} bytes"
    kinds = Counter(_type(tensor.type) for tensor in header.tensors)
    yield "tensors", f"{len(header.tensors)}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    yield (
        "tokenizer",
        f"{header.text('tokenizer.ggml.model')}, {header.text('tokenizer.ggml.pre') or 'no pre-tokenizer'}",
    )
    yield "tokens", f"{header.n_vocab:,}"
    yield from _verified(header)


def _verified(header: Header) -> Iterator[Row]:
    """What was measured when the file was made; a figure of zero was not."""
    prefix = "quoth.verify."
    found = {key.removeprefix(prefix): value for key, value in header.metadata.items() if key.startswith(prefix)}
    if found:
        level = "full" if found.get("full") else "quick"
        yield "verified", f"{level}, the file says" if found.get("passed") else "no"
    for name, value in found.items():
        if value and not isinstance(value, bool):
            yield name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _fields(header: Header, plans: list[Plan], best: Plan | None) -> dict[str, Any]:
    from quoth.models.conversion import parameters

    own = {key: value for key, value in sorted(header.metadata.items()) if key.startswith(("quoth.", "general."))}
    return {
        "path": str(header.path),
        "name": header.name,
        "architecture": header.architecture,
        "family": header.text("quoth.source.family"),
        "kind": header.kind,
        "parameters": parameters(header),
        "layers": header.n_layers,
        "width": header.n_embd,
        "context": header.n_ctx_train,
        "quantization": header.quantization,
        "size": header.size,
        "tensors": [{"name": t.name, "type": _type(t.type), "shape": list(t.shape[::-1])} for t in header.tensors],
        "tokenizer": {
            "model": header.text("tokenizer.ggml.model"),
            "pre": header.text("tokenizer.ggml.pre"),
            "tokens": header.n_vocab,
        },
        "chat_template": header.chat_template,
        "metadata": own,
        "sizes": {plan.type: plan.size for plan in plans},
        "recommended": best.type if best else None,
    }


def _type(number: int) -> str:
    from quoth.gguf.tables import TENSOR_TYPES

    return TENSOR_TYPES[number][0] if number in TENSOR_TYPES else str(number)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
