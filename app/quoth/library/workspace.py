"""The settings, folders and files of one user, each opened when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.config import Folders, Settings, folders, load

if TYPE_CHECKING:
    import subprocess

    from quoth.cache.stored_notes import StoredNotes
    from quoth.engine.client.findings import Findings
    from quoth.history import History
    from quoth.models.installed import InstalledModels


class Workspace:
    """What every command, the app and a Python program work with."""

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

    def take_process(self) -> subprocess.Popen[bytes] | None:
        """The worker that was started before; None once it was taken."""
        process, self._process = self._process, None
        return process

    def close(self) -> None:
        """Close what was opened, and end a worker that was not used."""
        history, self._history = self._history, None
        notes, self._notes = self._notes, None
        for opened in (history, notes):
            if opened is not None:
                opened.close()
        if (process := self.take_process()) is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            process.wait()
