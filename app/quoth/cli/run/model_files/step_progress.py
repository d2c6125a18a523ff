"""How far a conversion or a quantization is, on the terminal."""

from __future__ import annotations

from quoth.cli.streams import Streams
from quoth.models.conversion import ConversionProgress

# What a step is counted in, and how much of what it reports is one of them.
_UNITS = {"converting": (1_000_000, "MB"), "quantizing": (1, "tensors"), "checking": (10, "percent")}


def show_step(streams: Streams, progress: ConversionProgress) -> None:
    scale, unit = _UNITS[progress.step]
    what = f"{progress.step} to {progress.type}" if progress.type else progress.step
    streams.progress.update(what, progress.done // scale, max(1, progress.total // scale), unit)
