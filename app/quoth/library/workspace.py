"""The settings, folders and files of one user, each opened when it is first asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quoth.config import Folders, Settings, folders, load

if TYPE_CHECKING:
    import subprocess

    from quoth.cache.stored_notes import StoredNotes
    from quoth.engine.client.rung_findings import Findings
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

    @cached_property
    def folders(self) -> Folders:
        return folders(self.environ)

    @cached_property
    def settings(self) -> Settings:
        return load(self.folders, self.environ)

    def use(self, values: Mapping[str, Any], origin: str | None = None) -> Settings:
        """Put values on top of the settings: those of flags, unless `origin` says where they come from."""
        self.settings = self.settings.over(values, origin)
        return self.settings

    @property
    def offline(self) -> bool:
        return bool(self.offline_by)

    @property
    def offline_by(self) -> str:
        """The flag, variable or file of settings that forbids the network; "" if none does."""
        if self.settings.offline:
            return self.settings.origin("offline")
        name = "HF_HUB_OFFLINE"
        return name if self.environ.get(name, "").lower() in ("1", "true", "yes", "on") else ""

    @property
    def keeps_history(self) -> bool:
        return self.settings.history and not self.settings.private

    @property
    def log(self) -> Path | None:
        """The engine's log; none in a private run."""
        return None if self.settings.private else self.folders.engine_log

    @cached_property
    def store(self) -> InstalledModels:
        from quoth.models.installed import InstalledModels

        return InstalledModels(self.folders.models)

    @cached_property
    def history(self) -> History:
        """The conversations; in memory if nothing may be kept."""
        from quoth.history import History

        return History(self.folders.history if self.keeps_history else None)

    @cached_property
    def notes(self) -> StoredNotes:
        """The notes on passages that were read before; in memory if nothing may be kept."""
        from quoth.cache.stored_notes import StoredNotes

        return StoredNotes(None if self.settings.private else self.folders.notes)

    @cached_property
    def findings(self) -> Findings:
        """Which ways of computing work here; a private run reads them and adds nothing."""
        from quoth.engine.client.rung_findings import Findings

        return Findings(self.folders.ladder, keep=not self.settings.private)

    def take_process(self) -> subprocess.Popen[bytes] | None:
        """The worker that was started before; None once it was taken."""
        process, self._process = self._process, None
        return process

    def close(self) -> None:
        """Close what was opened, and end a worker that was not used."""
        for name in ("history", "notes"):
            if (opened := self.__dict__.pop(name, None)) is not None:
                opened.close()
        if (process := self.take_process()) is not None:
            with process:  # closes its pipes, and waits for it
                process.kill()
