"""From a checkpoint to files that may be used: converted, quantized and checked, all in one folder."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from quoth.errors import ModelError, UsageError
from quoth.models import ModelFile, describe
from quoth.models.installed import InstalledModels, name_from
from quoth.platform import safe_files

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from quoth.gguf import Header
    from quoth_converters.checks.report import Report
    from quoth_converters.conversion import Conversion, Described
    from quoth_converters.output.writer import OutType

Level = Literal["none", "quick", "full"]
Count = Callable[[str, int, int], None]  # what is done ("converting"), how much of it, of how much

RECOMMENDED: Final = "auto"  # in place of a type: the one that the model's size and widths call for
_PARTS: Final = ".part"
_NEW_SECONDS: Final = 60  # in which a folder is certainly locked


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made of a checkpoint. `types` are quantizations; without any the file stays as it was converted."""

    source: Path
    name: str
    outtype: OutType = "f16"
    types: tuple[str, ...] = ()
    level: Level = "quick"
    tokenizer: Path | None = None
    meta: Path | None = None
    n_head: int | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the files that were asked for, by their type, and what the checks measured."""

    conversion: Conversion
    files: dict[str, Path]
    report: Report | None


@contextmanager
def workplace(beside: Path) -> Iterator[Path]:
    """A folder of our own on the disk where `beside` will stand; it goes with everything in it.

    What a program that was killed left there for the same name goes too: nobody holds its lock.
    """
    import secrets
    import shutil

    for left in _left(beside):
        shutil.rmtree(left, ignore_errors=True)
    folder = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}{_PARTS}")
    lock = _lock_of(folder)
    try:
        with safe_files.attempt(f"write to {beside.parent}"):
            safe_files.make_folder(folder)
        with suppress(OSError, NotImplementedError):  # without locks it stays until somebody removes it
            lock.acquire(timeout=0)
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _left(beside: Path) -> Iterator[Path]:
    """Folders of conversions to this name whose program is gone. A new one may have a lock that nobody holds yet."""
    mine = re.compile(rf"\.{re.escape(beside.name)}\.\w+{re.escape(_PARTS)}")
    for folder in beside.parent.glob(f".*{_PARTS}"):
        lock = _lock_of(folder)
        file = Path(lock.lock_file)
        with suppress(OSError, NotImplementedError):
            old = time.time() - folder.stat().st_mtime > _NEW_SECONDS
            if mine.fullmatch(folder.name) and old and file.is_file() and not file.is_symlink():
                lock.acquire(timeout=0)  # or Timeout, which is an OSError: somebody works there
                lock.release()
                yield folder


def _lock_of(folder: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(folder / ".lock", mode=0o600)


def known_types(types: Iterable[str]) -> None:
    """Raise UsageError for a quantization that there is not."""
    from quoth_converters.output.quantize import TYPES

    if unknown := [name for name in types if name not in (*TYPES, RECOMMENDED)]:
        raise UsageError(f"there is no quantization {unknown[0]!r}", "", f"There are {', '.join(TYPES)}")


def parameters(header: Header) -> int:
    """Elements of all tensors of a GGUF."""
    return sum(math.prod(tensor.shape) for tensor in header.tensors)


def look(order: Order) -> Described:
    """Open the checkpoint and say what it would become. Raises ModelError."""
    from quoth_converters.conversion import describe
    from quoth_converters.families import Options

    return describe(order.source, Options(order.tokenizer, order.meta, order.n_head))


def make(described: Described, order: Order, folder: Path, progress: Count) -> Made:
    """Convert, quantize and check. Raises ModelError with the smallest failing case if a check fails."""
    from quoth_converters.conversion import write_conversion

    conversion = write_conversion(
        described,
        folder / f"{name_from(order.name)}.{order.outtype.upper()}.gguf",
        outtype=order.outtype,
        name=order.name,
        progress=lambda done, total: progress("converting", done, total),
    )
    quantized = _quantized(conversion, order, progress)
    report = _checked(described, conversion, order, quantized, progress)
    files = quantized or {order.outtype.upper(): conversion.path}
    return Made(conversion, files, report)


def _quantized(conversion: Conversion, order: Order, progress: Count) -> dict[str, Path]:
    types = dict.fromkeys(_chosen(conversion, name) if name == RECOMMENDED else name for name in order.types)
    return {
        name: _quantize(conversion.path, name, progress) if name != order.outtype.upper() else conversion.path
        for name in types
    }


def _chosen(conversion: Conversion, name: str) -> str:
    from quoth_converters.output import quantize

    found = quantize.recommended(quantize.plan(conversion.path), conversion.spec.parameters)
    return found.type if found else conversion.outtype.upper()


def _quantize(whole: Path, name: str, progress: Count) -> Path:
    from quoth_converters.output import quantize

    target = whole.with_name(f"{whole.name.removesuffix('.gguf').rpartition('.')[0]}.{name}.gguf")
    quantize.quantize(whole, target, name, progress=lambda done, total: progress(f"quantizing to {name}", done, total))
    return target


def _checked(
    described: Described, conversion: Conversion, order: Order, quantized: dict[str, Path], progress: Count
) -> Report | None:
    if order.level == "none":
        return None
    from quoth_converters.checks.verify import verify

    report = verify(
        described,
        conversion.path,
        level=order.level,
        quantized=tuple(path for path in quantized.values() if path != conversion.path),
        progress=lambda done, total: progress("checking", done, total),
    )
    if report.failure:
        try_ = "Nothing was kept; please report it"
        raise ModelError("what was written is not the model of the checkpoint", report.failure, try_)
    return report


def install(made: Made, store: InstalledModels, names: dict[str, str], origin: str) -> list[ModelFile]:
    """Move the files that were made into the store, each under the name of its type."""
    models = []
    for kind, path in made.files.items():
        name = names[kind]
        with safe_files.attempt(f"read {path}"):
            digest = safe_files.digest(path, lambda done, total: None)
            os.chmod(path, 0o600)
        model = store.install(path, describe(path, name, origin, sha256=digest), file=f"{name_from(name)}.{kind}.gguf")
        store.trust(model.path)
        models.append(model)
    return models


def to_json(made: Made) -> dict[str, Any]:
    """What a script wants to know of a conversion."""
    spec = made.conversion.spec
    return {
        "family": spec.family,
        "architecture": spec.architecture,
        "kind": spec.kind,
        "parameters": spec.parameters,
        "source_sha256": made.conversion.sha256,
        "outtype": made.conversion.outtype,
        "notes": [*spec.vocabulary.notes, *spec.notes],
        "dropped": dict(spec.dropped),
        "verify": made.report.to_json() if made.report else None,
    }
