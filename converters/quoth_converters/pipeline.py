"""A conversion in its steps: read, lay out, tokenize, check, write."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from quoth.errors import ModelError, StorageError, escaped
from quoth_converters.families import Options, family_of
from quoth_converters.families.tensor_map import model_of
from quoth_converters.formats.source import Source, open_source
from quoth_converters.output.verification_keys import EMPTY
from quoth_converters.output.writer import OutType, Progress, write
from quoth_converters.spec import ModelSpec, Scalar, check

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Described:
    """A source and what it will become, checked against each other, before anything is written."""

    source: Source
    spec: ModelSpec
    options: Options


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was written: where, of what, and the hash of the weights it was made from."""

    path: Path
    outtype: OutType
    source: Source
    spec: ModelSpec
    sha256: str


def describe(path: Path, options: Options) -> Described:
    """Open a checkpoint and say what it will become."""
    source = open_source(path)
    family = family_of(source)
    layout = family.layout(source, options)
    try:
        vocabulary = family.vocabulary(source, options, layout)
    except OSError as error:
        what = f"cannot read {escaped(error.filename or path)}"
        raise StorageError(what, (error.strerror or str(error)).lower()) from None
    spec = model_of(source, layout, vocabulary)
    check(spec, source)
    return Described(source, spec, options)


def write_conversion(
    described: Described,
    target: Path,
    *,
    outtype: OutType = "f16",
    name: str = "",
    force: bool = False,
    progress: Progress = lambda done, total: None,
) -> Conversion:
    """Write what was described, with where it came from in its metadata. Raises ModelError and StorageError.

    An exception of `progress` ends the conversion, and nothing is left of it.
    """
    source, spec = described.source, described.spec
    if target.exists() and any(target.samefile(file) for file in source.weights):
        raise ModelError(f"{escaped(target)} is the checkpoint itself", "", "Give another name")
    about: dict[str, Scalar] = {
        "general.name": _unicode(name or target.stem),
        "quoth.source.name": _unicode(source.origin.absolute().name),
        "quoth.source.format": source.format,
        "quoth.source.family": spec.family,
        "quoth.version": metadata.version("quoth"),
        **EMPTY,
    }
    with _hashing(source) as digest:
        later = {"quoth.source.sha256": (64, digest.result)}
        write(spec, source, target, outtype=outtype, metadata=about, later=later, force=force, progress=progress)
    return Conversion(target, outtype, source, spec, digest.result())


def fingerprint(source: Source, stop: Callable[[], bool] = lambda: False) -> str:
    """SHA-256 over the files of the weights, in their order, as far as they were read when `stop` is true."""
    digest = hashlib.sha256()
    for path in source.weights:
        with path.open("rb") as file:
            while (block := file.read(_BLOCK)) and not stop():
                digest.update(block)
    return digest.hexdigest()


@contextmanager
def _hashing(source: Source) -> Iterator[Future[str]]:
    """The fingerprint, computed while the block runs, and abandoned when it ends."""
    ended = threading.Event()
    with ThreadPoolExecutor(1, "sha256") as thread:
        try:
            yield thread.submit(fingerprint, source, ended.is_set)
        finally:
            ended.set()


def _unicode(name: str) -> str:
    """A file's name as valid text."""
    return name.encode("utf-8", "replace").decode()
