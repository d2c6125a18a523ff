"""Info files: the text of every node; headings are underlined there."""

from __future__ import annotations

import re

from quoth.documents.document import Document
from quoth.documents.encodings import decode_chunks
from quoth.documents.formats.plain import text_headings
from quoth.documents.offset_map import LineMap
from quoth.documents.raw_document import RawDocument
from quoth.text.long_text import LongText

_INDIRECT = re.compile(r"^\x1f\nIndirect:\n((?:[^\n\x1f]+: \d+\n)+)", re.MULTILINE)
_TAGS = re.compile(r"^\x1f\n(?:Tag Table|End Tag Table|Local Variables):?[^\x1f]*", re.MULTILINE)
_NODE = re.compile(r"^\x1f\n(File: [^\n]*)$", re.MULTILINE)


def read_info(raw: RawDocument) -> Document:
    """An info file, its lines in place: separators and tag tables leave empty ones."""
    data = raw.data().replace(b"\0\b", b"")  # NUL and backspace mark indices and images
    decoded = decode_chunks([data], raw.name)
    lines = str(decoded.text)
    notices = list(decoded.notices)
    indirect = _INDIRECT.search(lines)
    if indirect:
        parts = ", ".join(line.partition(":")[0] for line in indirect[1].splitlines())
        notices.append(f"an index only: the text is in {parts}")
    for pattern in (_TAGS, _NODE):
        lines = pattern.sub(lambda match: "\n" * match[0].count("\n"), lines)
    text = LongText([lines.replace("\x1f", "").replace("\x7f", "")])
    return Document(
        raw.name, "info", text, text_headings(text), tuple(notices), lines=LineMap(text, decoded.file_lines)
    )
