"""Info files: the text of every node; headings are underlined there."""

from __future__ import annotations

import re

from quoth.documents.document import Document
from quoth.documents.encodings import decode_chunks
from quoth.documents.formats.plain import text_headings
from quoth.documents.offset_map import LineCounts
from quoth.text.long_text import LongText

_INDIRECT = re.compile(r"^\x1f\nIndirect:\n((?:[^\n\x1f]+: \d+\n)+)", re.MULTILINE)
_TAGS = re.compile(r"^\x1f\n(?:Tag Table|End Tag Table|Local Variables):?[^\x1f]*", re.MULTILINE)
_NODE = re.compile(r"^\x1f\n(File: [^\n]*)$", re.MULTILINE)


def read_info(chunks: list[bytes], name: str, kind: str, limit: int) -> Document:
    """An info file, its lines in place: separators and tag tables leave empty ones. `limit` is held by the chunks."""
    for number, chunk in enumerate(chunks):  # NUL and backspace mark indices and images
        chunks[number] = chunk.replace(b"\0\b", b"")
    decoded = decode_chunks(chunks, name)
    source = str(decoded.text)
    notices = list(decoded.notices)
    indirect = _INDIRECT.search(source)
    if indirect:
        parts = ", ".join(line.partition(":")[0] for line in indirect[1].splitlines())
        notices.append(f"an index only: the text is in {parts}")
    for pattern in (_TAGS, _NODE):
        source = pattern.sub(lambda match: "\n" * match[0].count("\n"), source)
    text = LongText([source.replace("\x1f", "").replace("\x7f", "")])
    return Document(name, kind, text, text_headings(text), tuple(notices), lines=LineCounts(text))
