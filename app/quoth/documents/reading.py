"""From a path or a pipe to a document: bytes, kind, and the reader of that kind."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO

from quoth.documents.document import Document
from quoth.documents.file_bytes import open_file, read_chunks, steady_chunks
from quoth.documents.kinds import kind_of
from quoth.text.decoding import HEAD

# The module and function of each kind: (chunks, name, kind, limit) to a document.
_READERS = {
    "text": ("plain", "read_plain"),
    "code": ("plain", "read_plain"),
    "markdown": ("plain", "read_plain"),
    "info": ("manual.info", "read_info"),
    "man": ("manual.roff", "read_man"),
    "html": ("html", "read_html"),
    "subtitles": ("subtitles", "read_subtitles"),
    "email": ("email", "read_mail"),
    "pdf": ("pdf.reader", "read_pdf"),
    "zip": ("zipped", "read_zip"),
}
Reader = Callable[[list[bytes], str, str, int], Document]


def read_path(path: str, limit: int) -> Document:
    """A file as a document. Raises InputError."""
    with open_file(path) as stream:
        chunks = steady_chunks(stream, path, limit)
    return _document(chunks, path, limit)


def read_pipe(stream: BinaryIO, name: str, limit: int) -> Document:
    """A stream to its end as a document. Raises InputError."""
    return _document(read_chunks(stream, name, limit), name, limit)


def _document(chunks: list[bytes], name: str, limit: int) -> Document:
    head = b"".join(chunks[:4])[:HEAD] if chunks and len(chunks[0]) < HEAD else b"".join(chunks[:1])[:HEAD]
    kind = kind_of(name, head)
    module, function = _READERS[kind]
    reader: Reader = getattr(import_module(f"quoth.documents.formats.{module}"), function)
    return reader(chunks, name, kind, limit)
