"""What a conversion says while it runs and where its results go."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.cli.environment import Environment
from quoth.errors import ModelError, StorageError, UsageError
from quoth.text import sane

if TYPE_CHECKING:
    from quoth.models.conversion import Made, Order
    from quoth_converters.conversion import Described

# What a step is counted in, and how much of what it reports is one of them; quantizing goes by tensors.
_UNITS = {"converting": (1_000_000, "MB"), "checking": (10, "percent")}


class Counting:
    """Draws how far a conversion is."""

    def __init__(self, environment: Environment) -> None:
        self._progress = environment.streams.progress

    def __call__(self, what: str, done: int, total: int) -> None:
        scale, unit = _UNITS.get(what, (1, "tensors"))
        self._progress.update(what, done // scale, max(1, total // scale), unit)

    def steps(self, done: int, total: int) -> None:
        self("checking", done, total)


def named(path: str | None) -> Path | None:
    """A path that was given, or not."""
    return Path(os.path.expanduser(path)) if path else None


class Targets:
    """Where the results go: to names of the store, or to files."""

    def __init__(self, environment: Environment, order: Order, output: Path | None, force: bool) -> None:
        self._environment, self._order, self._output, self._force = environment, order, output, force

    @property
    def beside(self) -> Path:
        return self._output or self._environment.store.parts / self._order.name

    def refuse_taken(self, types: tuple[str, ...]) -> None:
        """Raise if a result would replace something, unless that was asked for, or its name cannot be one."""
        names = {} if self._output else self.names(types)
        if self._force:
            return
        for file in [] if self._output is None else self.files(types).values():
            if os.path.lexists(file):
                raise StorageError(f"{file} exists", "", "Give another name, or --force to replace it")
        for name in names.values():
            if os.path.lexists(self._environment.store.folder / name):
                raise UsageError(f"there is a model called {name} already", "", "Give another --name, or --force")

    def refuse_source(self, described: Described) -> None:
        """Raise if a result would replace the checkpoint that it is made of, whatever was asked for."""
        file = self._output
        if file is not None and file.exists() and any(file.samefile(each) for each in described.source.weights):
            raise StorageError(f"{file} is the checkpoint itself", "", "Give another name")

    def files(self, types: tuple[str, ...]) -> dict[str, Path]:
        assert self._output is not None
        if len(types) < 2:
            return dict.fromkeys(types, self._output)
        stem = self._output.name.removesuffix(".gguf")
        return {kind: self._output.with_name(f"{stem}.{kind}.gguf") for kind in types}

    def names(self, types: tuple[str, ...]) -> dict[str, str]:
        from quoth.models.installed import check_name

        name = check_name(self._order.name)
        return {kind: name if len(types) < 2 else check_name(f"{name}-{kind}") for kind in types}

    def place(self, made: Made, origin: str) -> list[tuple[str, Path, str]]:
        """Put the results where they belong: (type, path, name in the store) of each."""
        from quoth.models.conversion import install
        from quoth.platform import safe_files

        types = tuple(made.files)
        self.refuse_taken(types)
        if self._output is None:
            models = install(made, self._environment.store, self.names(types), origin)
            return [(kind, model.path, model.name) for kind, model in zip(types, models, strict=True)]
        files = self.files(types)
        with safe_files.attempt(f"write {self._output}"):
            for kind, path in made.files.items():
                safe_files.flush(path)
                safe_files.move(path, files[kind], replace=self._force)
            safe_files.flush_folder(self._output.parent)
        return [(kind, path, "") for kind, path in files.items()]


def about(described: Described) -> Iterator[str]:
    """What a checkpoint is and what it becomes, a line each."""
    source, spec = described.source, described.spec
    yield f"{sane(source.origin.name)}: {spec.family}, {spec.parameters:,} parameters, {source.format}"
    context = spec.hyperparameters.get("context_length", 0)
    vocabulary = spec.vocabulary
    yield (
        f"becomes {spec.architecture}, {spec.kind}: {spec.hyperparameters.get('block_count')} layers, "
        f"{context:,} tokens of context, {len(vocabulary):,} tokens of {sane(vocabulary.origin)}"
    )
    for note in (*vocabulary.notes, *spec.notes):
        yield sane(note)
    for reason in dict.fromkeys(spec.dropped.values()):
        count = sum(each == reason for each in spec.dropped.values())
        yield f"left out: {count} tensor{'' if count == 1 else 's'}, {sane(reason)}"
    if source.ignored:
        yield f"not looked at: {sane(', '.join(source.ignored))}"


def description(described: Described) -> dict[str, Any]:
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
        "sizes": sizes_of(described),
    }


def sizes_of(described: Described) -> dict[str, int]:
    """Bytes of the tensors at each type that needs no trial: exact, for the rest depends on llama.cpp's own choices."""
    from quoth_converters.output.writer import stored_size

    tensors = described.spec.tensors
    return {
        "F32": sum(stored_size(tensor, "f32") for tensor in tensors),
        "F16": sum(stored_size(tensor, "f16") for tensor in tensors),
        "BF16": sum(stored_size(tensor, "bf16") for tensor in tensors),
    }


def sizes(described: Described) -> Iterator[str]:
    """What the weights come to, a line each type."""
    from quoth.models.sources.partial_download import format_size

    for kind, size in sizes_of(described).items():
        yield f"{kind:<6} {format_size(size):>8}"


def check_file(environment: Environment, order: Order, file: Path, as_json: bool) -> int:
    """Hold a GGUF made earlier, or elsewhere, against its checkpoint."""
    streams = environment.streams
    from quoth_converters.checks.verify import check
    from quoth_converters.families import Options

    options = Options(order.tokenizer, order.meta, order.n_head)
    report = check(file, order.source, options=options, level=order.level, progress=Counting(environment).steps)
    streams.progress.clear()
    if report.failure:
        what = f"{file.name} is not the model of {order.source.name}"
        raise ModelError(what, report.failure, "Convert it again, or give the checkpoint that it was made of")
    if as_json:
        print_json(environment, {"path": str(file), "verify": report.to_json()})
    else:
        streams.answer("".join(f"{line}\n" for line in report.lines()))
    streams.finish()
    return 0


@contextmanager
def fetched(environment: Environment, spec: str, order: Order, *, keep: bool) -> Iterator[Order]:
    """The order with the files of a repository of the hub on the disk; they go once they are converted, unless kept."""
    from quoth.cli.run.model_download import Reporter
    from quoth.models.sources import hub, network
    from quoth.models.sources.original_checkpoint import fetch_original, forget

    repository, wanted = hub.parse(spec)
    if wanted:
        raise UsageError(f"{spec} names a file of a repository", "", f"Give hf:{repository}, and --quant for a type")
    if environment.offline:
        raise network.offline(spec)
    folder = fetch_original(repository, environment.store.parts, progress=Reporter(environment))
    environment.streams.progress.clear()
    yield replace(order, source=folder)
    if not keep:
        forget(folder)


def print_json(environment: Environment, fields: dict[str, Any]) -> None:
    """One object, with the version that every one has."""
    import json

    from quoth.version import __version__

    environment.streams.answer(json.dumps({"version": __version__, **fields}, ensure_ascii=False) + "\n")
