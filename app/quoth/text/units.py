"""Bytes and seconds as people read them.

Bytes are counted in powers of ten, as the hub's pages, package indexes and most file managers do.
"""

from __future__ import annotations


def format_size(size: int) -> str:
    """Bytes: "98 MB", "2.5 GB"."""
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB" if size >= 1000 else f"{size} bytes"
    return f"{size / 1e9:.1f} GB" if size >= 950_000_000 else f"{size / 1e6:.0f} MB"
