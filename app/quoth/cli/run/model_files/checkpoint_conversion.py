"""`quoth convert`: a checkpoint converted, checked and put in place, or a GGUF checked against its checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from quoth.cli.environment import Environment
from quoth.cli.inputs import path_of
from quoth.cli.printing import print_result
from quoth.cli.run.model_download import Reporter
from quoth.cli.run.model_files.checkpoint_facts import fields, options_of, size_lines, summary_lines
from quoth.cli.run.model_files.step_progress import show_step
from quoth.errors import ModelError, StorageError, UsageError
from quoth.library.model_pull import try_model
from quoth.models.conversion import (
    ConversionProgress,
    ConversionRequest,
    ConversionResult,
    convert,
    inspect,
    install,
    parse_types,
)
from quoth.models.installed import check_name, name_from
from quoth.models.scratch_folder import scratch_folder
from quoth.models.sources import hub, network
from quoth.models.sources.original_checkpoint import fetch_original, forget
from quoth.platform import safe_files
from quoth.text.units import format_size
from quoth_converters.checks.verification_report import Level
from quoth_converters.checks.verify import check
from quoth_converters.output.writer import OutType
from quoth_converters.pipeline import Described

# A file of such a name does not identify the model; its folder may.
_GENERIC = re.compile(r"(model|pytorch_model|ckpt|checkpoint|best|last|final)?([.-].*)?", re.IGNORECASE)


def convert_checkpoint(
    environment: Environment,
    source: str,
    *,
    output: str | None,
    name: str | None,
    quant: str,
    outtype: OutType,
    level: Level,
    gguf: str | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
    **said: Any,
) -> None:
    """Convert a checkpoint; with `gguf` only check that file against it. `said`: what only the user can say of it."""
    environment.streams.require_stdout()
    request = ConversionRequest(
        source=Path(source),
        name=name or default_name(source),
        outtype=outtype,
        types=parse_types(quant),
        level=level,
        options=options_of(**said),
    )
    if output and name and not gguf:
        raise UsageError("-o writes a file and --name installs a model", "", "Give one of the two")
    targets = None if gguf else _Targets(environment, request, output, force)
    with _on_disk(environment, source, keep=dry_run) as path:
        request = replace(request, source=path)
        if targets is None:
            _check(environment, request, Path(gguf or ""), as_json)
        else:
            _convert(environment, request, targets, source, dry_run, as_json)


def default_name(source: str) -> str:
    """The name of a checkpoint: its folder's if the file's is generic."""
    if source.startswith("hf:"):
        return name_from(source.rpartition("/")[2])
    path = Path(os.path.abspath(path_of(source)))
    if _GENERIC.fullmatch(path.name) and path.parent.name and not path.is_dir():
        path = path.parent
    return name_from(path.stem if path.is_file() else path.name)


@contextmanager
def _on_disk(environment: Environment, source: str, *, keep: bool) -> Iterator[Path]:
    """The checkpoint's path. A repository of the hub is fetched, and removed after the conversion unless kept."""
    if not source.startswith("hf:"):
        yield path_of(source)
        return
    repository, wanted = hub.parse(source)
    if wanted:
        raise UsageError(f"{source} names a file of a repository", "", f"Give hf:{repository}, and --quant for a type")
    if environment.offline:
        raise network.offline(source, environment.offline_by)
    folder = fetch_original(repository, environment.store.parts, progress=Reporter(environment))
    environment.streams.progress.clear()
    yield folder
    if not keep:
        forget(folder)


class _Placed(NamedTuple):
    """A file where it belongs; `name` is that of an installed model."""

    type: str
    path: Path
    name: str = ""

    @property
    def line(self) -> str:
        size = format_size(self.path.stat().st_size)
        return f"{f'installed {self.name}' if self.name else f'wrote {self.path}'}: {size}, {self.type}"

    @property
    def fields(self) -> dict[str, Any]:
        named = {"name": self.name} if self.name else {}
        return {"type": self.type, "path": str(self.path), "size": self.path.stat().st_size, **named}


class _Targets:
    """Where the results go: to files beside `output`, or to the models folder."""

    def __init__(self, environment: Environment, request: ConversionRequest, output: str | None, force: bool) -> None:
        """Raises StorageError or UsageError for a place that cannot be written, or is taken."""
        file = path_of(output) if output else None
        if file is not None and file.is_dir():
            raise StorageError(f"{file} is a folder", "", f"Name a file in it, such as {file / 'model.gguf'}")
        if file is not None and not file.absolute().parent.is_dir():
            raise StorageError(f"there is no folder {file.parent}", "", "Create it, or give another name")
        self._store, self._request, self._output, self._force = environment.store, request, file, force
        self._refuse_taken(request.result_types)

    @property
    def beside(self) -> Path:
        """A path on the disk of the results, for unfinished ones."""
        return self._output or self._store.parts / self._request.name

    def _names(self, types: Sequence[str]) -> dict[str, str]:
        """The name of the file or the model of each type. Raises UsageError for one that cannot be a model's."""
        if self._output is None:
            name = check_name(self._request.name)
            return {type_: name if len(types) < 2 else check_name(f"{name}-{type_}") for type_ in types}
        name, stem = self._output.name, self._output.name.removesuffix(".gguf")
        return {type_: name if len(types) < 2 else f"{stem}.{type_}.gguf" for type_ in types}

    def _refuse_taken(self, types: Sequence[str]) -> None:
        """Raise for a name that is taken, unless it may be replaced."""
        folder = self._output.parent if self._output else self._store.folder
        taken = [name for name in self._names(types).values() if os.path.lexists(folder / name)]
        if taken and not self._force:
            if self._output is None:
                raise UsageError(f"there is a model called {taken[0]} already", "", "Give another --name, or --force")
            raise StorageError(f"{folder / taken[0]} exists", "", "Give another name, or --force to replace it")

    def refuse_source(self, described: Described) -> None:
        """Raise if a result would replace the checkpoint itself, even with --force."""
        file = self._output
        if file is not None and file.exists() and any(file.samefile(each) for each in described.source.weights):
            raise StorageError(f"{file} is the checkpoint itself", "", "Give another name")

    def place(self, made: ConversionResult, origin: str) -> list[_Placed]:
        """Move the results to where they belong."""
        self._refuse_taken([*made.files])
        names = self._names([*made.files])
        if self._output is None:
            models = install(made, self._store, names, origin)
            return [_Placed(type_, model.path, model.name) for type_, model in zip(names, models, strict=True)]
        placed = [_Placed(type_, self._output.with_name(name)) for type_, name in names.items()]
        with safe_files.attempt(f"write {self._output}"):
            for each in placed:
                safe_files.flush(made.files[each.type])
                safe_files.move(made.files[each.type], each.path, replace=self._force)
            safe_files.flush_folder(self._output.parent)
        return placed


def _convert(
    environment: Environment, request: ConversionRequest, targets: _Targets, source: str, dry_run: bool, as_json: bool
) -> None:
    streams = environment.streams
    described = inspect(request)
    targets.refuse_source(described)
    if dry_run:
        print_result(streams, as_json, fields(described), [*summary_lines(described), *size_lines(described)])
        return
    for line in summary_lines(described):
        streams.say(line)
    with scratch_folder(targets.beside) as folder:
        made = convert(described, request, folder, partial(show_step, streams))
        if made.report is None:  # what was not checked is at least loaded once
            for path in made.files.values():
                try_model(environment, path)
        placed = targets.place(made, source if source.startswith("hf:") else f"file:{request.name}")
    streams.progress.clear()
    for line in made.report.lines() if made.report else ("nothing was checked: --verify none",):
        streams.say(line)
    for each in placed:
        streams.say(each.line)
    files = [each.fields for each in placed]
    print_result(streams, as_json, {**made.to_json(), "files": files}, [str(each.path) for each in placed])


def _check(environment: Environment, request: ConversionRequest, gguf: Path, as_json: bool) -> None:
    streams = environment.streams
    report = check(
        gguf,
        request.source,
        options=request.options,
        level=request.level,
        progress=lambda done, total: show_step(streams, ConversionProgress("checking", done, total)),
    )
    streams.progress.clear()
    if report.failure:
        what = f"{gguf.name} is not the model of {request.source.name}"
        raise ModelError(what, report.failure, "Convert it again, or give the checkpoint that it was made of")
    print_result(streams, as_json, {"path": str(gguf), "verify": report.to_json()}, report.lines())
