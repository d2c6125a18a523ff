"""Documents of many kinds as text, each with a map back to its own coordinates."""

from __future__ import annotations

from typing import BinaryIO

from quoth.documents.citation import Place
from quoth.documents.document import Document, Heading
from quoth.documents.folders import Gathered, gather
from quoth.documents.kinds import kind_of
from quoth.documents.raw_document import RawDocument, open_file, read_chunks, steady_chunks

__all__ = ["Document", "Gathered", "Heading", "Place", "gather", "read", "read_stream"]


def read(path: str, *, limit: int) -> Document:
    """A file as a document. `limit` is the most bytes of it, and of what it unpacks to.

    Raises InputError for what cannot be read: missing, binary, encrypted, cut in half, too long.
    """
    with open_file(path) as stream:
        raw = RawDocument(path, steady_chunks(stream, path, limit), limit)
    return kind_of(raw).read(raw)


def read_stream(stream: BinaryIO, *, name: str = "stdin", limit: int) -> Document:
    """A pipe as a document, its kind recognized by its content. Raises InputError as `read` does."""
    raw = RawDocument(name, read_chunks(stream, name, limit), limit)
    return kind_of(raw).read(raw)
