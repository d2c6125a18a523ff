"""What a command works with: the user's settings and files, and the streams of the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quoth.cli.streams import Streams
from quoth.config import Settings
from quoth.library.workspace import Workspace

if TYPE_CHECKING:
    import subprocess


class Environment(Workspace):
    """One run of the program."""

    def __init__(
        self, streams: Streams, environ: Mapping[str, str], process: subprocess.Popen[bytes] | None = None
    ) -> None:
        super().__init__(environ, tell=streams.say, process=process)
        self.streams = streams

    def use(self, values: Mapping[str, Any], origin: str | None = None) -> Settings:
        settings = super().use(values, origin)
        self.streams.quiet = settings.quiet
        self.streams.raw = settings.raw
        return settings
