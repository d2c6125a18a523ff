"""What a checkpoint is and what it becomes: for `quoth inspect` and a dry run of `quoth convert`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quoth.cli.environment import Environment
from quoth.cli.inputs import path_of
from quoth.cli.printing import escaped_template, print_result, shape_text
from quoth.text import one_line
from quoth.text.units import format_size
from quoth_converters.families import Options
from quoth_converters.output.writer import OutType, stored_size
from quoth_converters.pipeline import Described, describe

UNQUANTIZED: tuple[OutType, ...] = ("f32", "f16", "bf16")


def inspect_checkpoint(environment: Environment, path: Path, options: Options, tensors: bool, as_json: bool) -> None:
    described = describe(path, options)
    lines = [
        *summary_lines(described),
        *size_lines(described),
        *escaped_template(described.spec.vocabulary.chat_template),
    ]
    if tensors:
        lines += (f"{name}  {t.dtype}  {shape_text(t.shape)}" for name, t in described.source.tensors.items())
    print_result(environment.streams, as_json, fields(described), lines)


def options_of(tokenizer: str | None, meta: str | None, n_head: int | None) -> Options:
    """What the flags say of a checkpoint."""
    return Options(path_of(tokenizer) if tokenizer else None, path_of(meta) if meta else None, n_head)


def summary_lines(described: Described) -> Iterator[str]:
    """What a checkpoint is and what it becomes, a line each."""
    source, spec = described.source, described.spec
    vocabulary = spec.vocabulary
    yield f"{one_line(source.origin.name)}: {spec.family}, {spec.parameters:,} parameters, {source.format}"
    yield (
        f"becomes {spec.architecture}, {spec.kind}: {spec.hyperparameters.get('block_count')} layers, "
        f"{spec.hyperparameters.get('context_length', 0):,} tokens of context, "
        f"{len(vocabulary):,} tokens of {one_line(vocabulary.origin)}"
    )
    for note in (*vocabulary.notes, *spec.notes):
        yield one_line(note)
    for reason, count in Counter(spec.dropped.values()).items():
        yield f"left out: {count} tensor{'' if count == 1 else 's'}, {one_line(reason)}"
    if source.ignored:
        yield f"ignored: {one_line(', '.join(source.ignored))}"


def size_lines(described: Described) -> Iterator[str]:
    """The size of the weights at each type, a line each."""
    for type_, size in sizes(described).items():
        yield f"{type_:<6} {format_size(size):>8}"


def sizes(described: Described) -> dict[str, int]:
    """Bytes of the tensors at each type that is exact; those of the others depend on llama.cpp's choices."""
    tensors = described.spec.tensors
    return {type_.upper(): sum(stored_size(tensor, type_) for tensor in tensors) for type_ in UNQUANTIZED}


def fields(described: Described) -> dict[str, Any]:
    """The same for a script."""
    source, spec = described.source, described.spec
    return {
        "path": str(source.origin),
        "format": source.format,
        "family": spec.family,
        "architecture": spec.architecture,
        "kind": spec.kind,
        "parameters": spec.parameters,
        "tensors": len(spec.tensors),
        "hyperparameters": dict(spec.hyperparameters),
        "tokenizer": {
            "origin": spec.vocabulary.origin,
            "model": spec.vocabulary.model,
            "pre": spec.vocabulary.pre,
            "tokens": len(spec.vocabulary),
            "special": dict(spec.vocabulary.special),
        },
        "chat_template": spec.vocabulary.chat_template,
        "notes": [*spec.vocabulary.notes, *spec.notes],
        "dropped": dict(spec.dropped),
        "ignored": list(source.ignored),
        "sizes": sizes(described),
    }
