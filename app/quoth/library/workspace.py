"""What everything works with: settings, folders, the files in them, and an engine when one is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.config import Folders, Settings, folders, load
from quoth.errors import UsageError
from quoth.platform.safe_files import read_text

if TYPE_CHECKING:
    import subprocess

    from quoth.cache.stored_notes import StoredNotes
    from quoth.engine import LoadOptions
    from quoth.engine.client.client import Client
    from quoth.engine.client.findings import Findings
    from quoth.history import History
    from quoth.models import ModelFile
    from quoth.models.installed import InstalledModels
    from quoth.models.memory_fit import FreeMemory


class Workspace:
    """The settings and files of one user. Each is looked at when it is first asked for."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        tell: Callable[[str], None] = lambda sentence: None,
        process: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """`tell` gets sentences that the user should read; `process` is a worker that was started before."""
        self.environ = environ
        self.tell = tell
        self._process = process
        self._folders: Folders | None = None
        self._settings: Settings | None = None
        self._store: InstalledModels | None = None
        self._history: History | None = None
        self._notes: StoredNotes | None = None
        self._findings: Findings | None = None

    @property
    def folders(self) -> Folders:
        if self._folders is None:
            self._folders = folders(self.environ)
        return self._folders

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            self._settings = load(self.folders, self.environ)
        return self._settings

    def use(self, values: Mapping[str, Any], origin: str | None = None) -> Settings:
        """Put values on top of the settings: those of flags, unless `origin` says where they come from."""
        self._settings = self.settings.over(values, origin)
        return self._settings

    @property
    def offline(self) -> bool:
        asked = self.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
        return asked or bool(self.settings.offline)

    @property
    def store(self) -> InstalledModels:
        if self._store is None:
            from quoth.models.installed import InstalledModels

            self._store = InstalledModels(self.folders.models)
        return self._store

    @property
    def keeps_history(self) -> bool:
        return bool(self.settings.history) and not self.settings.private

    @property
    def history(self) -> History:
        """The conversations; in memory when nothing may be kept."""
        if self._history is None:
            from quoth.history import History

            self._history = History(self.folders.history if self.keeps_history else None)
        return self._history

    @property
    def notes(self) -> StoredNotes:
        """What was written about passages before; in memory when nothing may be kept."""
        if self._notes is None:
            from quoth.cache.stored_notes import StoredNotes

            self._notes = StoredNotes(None if self.settings.private else self.folders.notes)
        return self._notes

    @property
    def log(self) -> Path | None:
        """The engine's log; none in a private run."""
        return None if self.settings.private else self.folders.engine_log

    @property
    def findings(self) -> Findings:
        """Which ways of computing work here; a private run reads it and adds nothing."""
        if self._findings is None:
            from quoth.engine.client.findings import Findings

            self._findings = Findings(self.folders.ladder, keep=not self.settings.private)
        return self._findings

    def load_options(self, model: ModelFile) -> LoadOptions:
        """How the settings say that a model is loaded."""
        from quoth.engine import LoadOptions

        settings = self.settings
        template = settings.template
        return LoadOptions(
            name=model.name,
            n_ctx=settings.ctx or 0,
            threads=settings.threads or 0,
            gpu_layers=settings.gpu_layers,
            template=_read_template(Path(template)) if template else None,
            kind_of_file=(model.architecture, model.quantization),
        )

    def start_engine(self, model: ModelFile, tell: Callable[[str], None] | None = None) -> Client:
        """The engine with a model that begins to load at once; who asked closes it.

        `tell` gets a sentence when a way of computing does not work here; by itself it goes to standard error.
        """
        return self._client(model.path, self.load_options(model), tell)

    @contextmanager
    def bare_engine(self) -> Iterator[Client]:
        """A worker without a model: to quantize, to try a file, to describe the machine."""
        client = self._client(None, None)
        try:
            yield client
        finally:
            client.close()

    def free_memory(self) -> FreeMemory:
        """Free main and GPU memory, as the engine's build sees them."""
        from quoth.models.memory_fit import FreeMemory
        from quoth.platform.memory import free_memory

        with self.bare_engine() as engine:
            devices = engine.describe()["devices"]
        return FreeMemory(free_memory(), sum(free for _, _, kind, free, _ in devices if kind == "gpu"))

    def _client(
        self, path: Path | None, options: LoadOptions | None, tell: Callable[[str], None] | None = None
    ) -> Client:
        from quoth.engine import LoadOptions
        from quoth.engine.client.client import Client

        process, self._process = self._process, None
        return Client(
            path,
            options or LoadOptions(),
            log=self.log,
            process=process,
            findings=self.findings if path else None,
            tell=tell or self.tell,
        )

    def close(self) -> None:
        """Close what was opened, and end a worker that nobody asked for."""
        history, self._history = self._history, None
        notes, self._notes = self._notes, None
        for open_ in (history, notes):
            if open_ is not None:
                open_.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            process.wait()


def _read_template(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"the template {path} cannot be read", str(error), "Pass a Jinja file") from None
