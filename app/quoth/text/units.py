"""Counts, bytes and seconds as people read them.

Bytes are counted in powers of ten, as the hub's pages, package indexes and most file managers do.
"""

from __future__ import annotations


def counted(number: int, things: str) -> str:
    """A number of things that are named in the plural: "1 passage", "3 groups of notes"."""
    first, space, rest = things.partition(" ")
    return f"{number:,} {first.removesuffix('s') if number == 1 else first}{space}{rest}"


def format_size(size: int) -> str:
    """Bytes: "98 MB", "2.5 GB"."""
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB" if size >= 1000 else f"{size} bytes"
    return f"{size / 1e9:.1f} GB" if size >= 1_000_000_000 else f"{size / 1e6:.0f} MB"


def format_megabytes(size: int) -> str:
    """Bytes in one unit, for sizes that are compared: "98 MB", "2,497 MB"."""
    return f"{size / 1e6:,.0f} MB"


def format_duration(seconds: float) -> str:
    """Seconds: "8 s", "3 min", "1.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
