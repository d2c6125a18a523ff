"""Documents that are zip archives: members read in memory and within bounds, nothing ever extracted."""

from __future__ import annotations

from quoth.documents.document import Document
from quoth.documents.formats.zip_archive import Archive
from quoth.errors import InputError
from quoth.text.decoding import decode_input


def read_zip(chunks: list[bytes], name: str, kind: str, limit: int) -> Document:
    """An EPUB or a DOCX by its members. Raises InputError for any other archive."""
    data = b"".join(chunks)
    chunks.clear()
    archive = Archive(data, name, limit)
    if "META-INF/container.xml" in archive:
        from quoth.documents.formats.epub import read_epub

        return read_epub(archive, name)
    if "word/document.xml" in archive or (
        "_rels/.rels" in archive and b"wordprocessingml" in archive.read("[Content_Types].xml")
    ):
        from quoth.documents.formats.docx import read_docx

        return read_docx(archive, name)
    decode_input(data[:8192], name)
    raise InputError(f"{name} looks binary", "a ZIP archive", "Extract its text first")
