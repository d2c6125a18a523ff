"""`quoth inspect`: what a GGUF holds; of a checkpoint, what checkpoint_facts says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.cli.environment import Environment
from quoth.cli.inputs import path_of
from quoth.cli.printing import columns, escaped_template, print_result, shape_text
from quoth.gguf import Header, check, read_header
from quoth.gguf.tables import TENSOR_TYPES
from quoth.library.model_choice import named
from quoth.text import one_line

if TYPE_CHECKING:
    from quoth_converters.output.llama_quantization import Plan

_UNQUANTIZED = ("F32", "F16", "BF16")
Row = tuple[str, str]


def inspect_file(environment: Environment, file: str, tensors: bool, as_json: bool, **said: Any) -> None:
    """Print what a GGUF or a checkpoint holds; `said`: what only the user can say of a checkpoint."""
    environment.streams.require_stdout()
    path = path_of(file)
    if path.exists() and not _is_gguf(path):
        from quoth.cli.run.model_files.checkpoint_facts import inspect_checkpoint, options_of

        inspect_checkpoint(environment, path, options_of(**said), tensors, as_json)
    else:
        _inspect_gguf(environment, file, tensors, as_json)


def _is_gguf(path: Path) -> bool:
    """Whether the file begins like one, or is named like one: then the reader says what is wrong with it."""
    if not path.is_file():  # opening a pipe would wait for its writer
        return False
    if path.suffix.lower() == ".gguf":
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def _inspect_gguf(environment: Environment, file: str, tensors: bool, as_json: bool) -> None:
    header = read_header(named(environment, file).path)
    check(header)
    plans, best, plan_lines = _plans(header)
    rows = [(key, one_line(value, 4000)) for key, value in _rows(header)]
    lines = [*columns(rows), *plan_lines, *escaped_template(header.chat_template)]
    if tensors:
        lines += (f"{t.name}  {_type(t.type)}  {shape_text(t.shape[::-1])}" for t in header.tensors)
    print_result(environment.streams, as_json, _fields(header, plans, best), lines)


def _plans(header: Header) -> tuple[list[Plan], Plan | None, Iterator[str]]:
    """The plans of the usual quantizations, the recommended one, and their lines; nothing for a quantized file."""
    if header.quantization not in _UNQUANTIZED or len(header.parts) > 1:
        return [], None, iter(())
    from quoth.cli.run.model_files.gguf_quantization import plan_lines, plans_of

    plans, best = plans_of(header)
    return plans, best, plan_lines(plans, best) if plans else iter(())


def _rows(header: Header) -> Iterator[Row]:
    yield "file", str(header.path)
    yield "name", header.name or "none"
    yield "architecture", f"{header.architecture}, {header.kind}"
    if family := header.text("quoth.source.family"):
        yield "made of", f"{header.text('quoth.source.name')}, {family}, {header.text('quoth.source.format')}"
        yield "its sha256", header.text("quoth.source.sha256")
    yield "parameters", f"{header.parameters:,}"
    yield "layers", f"{header.n_layers}, {header.n_embd} wide, {max(header.n_head, default=0)} heads"
    yield "context", f"{header.n_ctx_train:,} tokens"
    yield "quantization", header.quantization
    yield "size", f"{header.size:,} bytes"
    kinds = Counter(_type(tensor.type) for tensor in header.tensors)
    yield "tensors", f"{len(header.tensors)}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    pre = header.text("tokenizer.ggml.pre") or "no pre-tokenizer"
    yield "tokenizer", f"{header.text('tokenizer.ggml.model')}, {pre}"
    yield "tokens", f"{header.n_vocab:,}"
    # What was measured when the file was made; a figure of zero was not.
    prefix = "quoth.verify."
    found = {key.removeprefix(prefix): value for key, value in header.metadata.items() if key.startswith(prefix)}
    if found:
        level = "full" if found.get("full") else "quick"
        yield "verified", f"{level}, the file says" if found.get("passed") else "no"
    for name, value in found.items():
        if value and not isinstance(value, bool):
            yield name.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else f"{value:,}"


def _fields(header: Header, plans: list[Plan], best: Plan | None) -> dict[str, Any]:
    return {
        "path": str(header.path),
        "name": header.name,
        "architecture": header.architecture,
        "family": header.text("quoth.source.family"),
        "kind": header.kind,
        "parameters": header.parameters,
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
        "metadata": {k: v for k, v in sorted(header.metadata.items()) if k.startswith(("quoth.", "general."))},
        "sizes": {plan.type: plan.size for plan in plans},
        "recommended": best.type if best else None,
    }


def _type(number: int) -> str:
    return TENSOR_TYPES[number][0] if number in TENSOR_TYPES else str(number)
