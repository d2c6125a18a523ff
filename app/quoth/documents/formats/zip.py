"""Zip archives of no kind that is read: refused."""

from __future__ import annotations

from quoth.documents.document import Document
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError
from quoth.text.decoding import decode_input


def read_zip(raw: RawDocument) -> Document:
    """Refuse it. Raises InputError."""
    decode_input(raw.head, raw.name)
    raise InputError(f"{raw.name} looks binary", "a ZIP archive", "Extract its text first")
