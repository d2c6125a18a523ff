"""Documents of many kinds as text, each with a map back to its own coordinates.

The format readers are imported when the first document of their kind is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from quoth.documents.document import Document, Gathered, Heading, Place

__all__ = ["Document", "Gathered", "Heading", "Place", "gather", "read", "read_stream"]


def read(path: str, *, limit: int) -> Document:
    """A file as a document. `limit` is the most bytes of it, and of what it unpacks to.

    Raises InputError for what cannot be read: missing, binary, encrypted, cut in half, too long.
    """
    from quoth.documents.reading import read_path

    return read_path(path, limit)


def read_stream(stream: BinaryIO, *, name: str = "stdin", limit: int) -> Document:
    """A pipe as a document; its kind is told by its content. Raises InputError as `read` does."""
    from quoth.documents.reading import read_pipe

    return read_pipe(stream, name, limit)


def gather(operands: Sequence[str]) -> Gathered:
    """The files that operands name: files, folders and patterns that no shell expanded.

    Raises InputError for one that is missing, and for a folder without readable files.
    """
    from quoth.documents.folders import files_of

    return files_of(operands)
