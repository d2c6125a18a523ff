"""Bytes from outside to text: encodings by their byte order mark, binary data refused by name."""

from __future__ import annotations

from typing import NamedTuple

from quoth.errors import InputError

HEAD = 8192
"""Bytes looked at for a NUL."""

# UTF-32 stands before UTF-16, whose little-endian mark begins it.
BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

_EXTRACT = "Extract its text first"
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _EXTRACT),
    (b"\xff\xd8\xff", "a JPEG image", _EXTRACT),
    (b"%PDF-", "a PDF document", 'Extract its text first, for example with "pdftotext FILE -"'),
    (b"PK\x03\x04", "a ZIP archive, or a docx, xlsx, odt or epub file", _EXTRACT),
    (b"\x1f\x8b", "gzip data", 'Unpack it first, for example with "gzip -dc FILE"'),
    (b"BZh", "bzip2 data", 'Unpack it first, for example with "bzip2 -dc FILE"'),
    (b"\xfd7zXZ\x00", "xz data", 'Unpack it first, for example with "xz -dc FILE"'),
    (b"\x28\xb5\x2f\xfd", "zstd data", 'Unpack it first, for example with "zstd -dc FILE"'),
    (b"\x7fELF", "an ELF program", "Pass text instead"),
    (b"GGUF", "a GGUF model", "Models are given with -m FILE"),
    (b"SQLite format 3\x00", "an SQLite database", 'Pass text instead, for example from "sqlite3 FILE .dump"'),
)


class Decoded(NamedTuple):
    """Text with newlines as its only line endings, the encoding it had, and how many of its bytes were replaced."""

    text: str
    encoding: str
    replaced: int  # bytes that are not of the encoding; U+FFFD stands for them

    @property
    def notice(self) -> str:
        """What the user should know of it, or nothing."""
        return encoding_notice(self.encoding, self.replaced)


def encoding_notice(encoding: str, replaced: int) -> str:
    """What the user should know of how a text was decoded, or nothing."""
    name = encoding.upper().replace("_", "-")
    if replaced:
        what, verb = ("1 byte that is", "was") if replaced == 1 else (f"{replaced:,} bytes that are", "were")
        return f"{what} not {name} {verb} replaced"
    return "" if encoding == "utf-8" else f"read as {name}"


def decode_input(data: bytes, name: str = "the input") -> Decoded:
    """Text of a pipe or a file: by its byte order mark, else UTF-8. \\r\\n and a lone \\r become \\n.

    Raises InputError for binary data: a NUL in the first 8 KB, or a known format that is not UTF-8.
    """
    mark, encoding = next((row for row in BYTE_ORDER_MARKS if data.startswith(row[0])), (b"", "utf-8"))
    data = data[len(mark) :]
    if not mark and b"\x00" in data[:HEAD]:
        raise _binary(data, name)
    replaced = 0
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if not mark and _kind(data):
            raise _binary(data, name) from None
        text = data.decode(encoding, "replace")
        replaced = len(data) - len(data.decode(encoding, "ignore").encode(encoding))
    return Decoded(text.replace("\r\n", "\n").replace("\r", "\n"), encoding, replaced)


def _kind(data: bytes) -> tuple[str, str] | None:
    """What data with these first bytes looks like, and what to do with it."""
    for magic, looks_like, try_ in _KINDS:
        if data.startswith(magic):
            return looks_like, try_
    for encoding, zeros in (("UTF-16LE", data[1:HEAD:2]), ("UTF-16BE", data[0:HEAD:2])):
        if zeros.count(0) > 0.7 * len(zeros):
            return f"{encoding} text without a byte order mark", f'Convert it with "iconv -f {encoding} -t UTF-8"'
    return None


def _binary(data: bytes, name: str) -> InputError:
    looks_like, try_ = _kind(data) or (f"a NUL among its first {HEAD // 1024} KB", "Pass text instead")
    return InputError(f"{name} looks binary", looks_like, try_)
