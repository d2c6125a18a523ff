"""How far a conversion or a quantization is, on the terminal."""

from __future__ import annotations

from quoth.cli.streams import Streams
from quoth.models.conversion import ConversionProgress

# What a step is counted in, and how much of what it reports is one of them.
_UNITS = {"converting": (1_000_000, "MB"), "quantizing": (1, "tensors"), "checking": (10, "percent")}


class StepProgress:
    """Draws what it is called with."""

    def __init__(self, streams: Streams) -> None:
        self._progress = streams.progress

    def __call__(self, progress: ConversionProgress) -> None:
        scale, unit = _UNITS[progress.step]
        what = f"{progress.step} to {progress.type}" if progress.type else progress.step
        self._progress.update(what, progress.done // scale, max(1, progress.total // scale), unit)
