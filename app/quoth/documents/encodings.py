"""The text of bytes in any encoding: by its marks, as declared, or detected; line ends folded, losses counted."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from quoth.documents.line_ends import FileLines, FoldedLineEnds
from quoth.text.decoding import BYTE_ORDER_MARKS, HEAD, decode_input, encoding_notice
from quoth.text.long_text import LongText

# Which bytes of each four are zero in text of the first 256 characters, by encoding.
_ZEROS = (("utf-32-le", (1, 2, 3)), ("utf-32-be", (0, 1, 2)), ("utf-16-le", (1, 3)), ("utf-16-be", (0, 2)))

_CODECS = ("iso8859", "iso2022", "cp", "koi8", "mac", "gb", "big5", "euc", "shift", "johab", "tis", "hz", "ptcp")

# Encodings that texts are found in, besides Unicode; the detector sees others too often.
_WRITTEN = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1258", "iso8859_2", "iso8859_7",
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "tis_620",
]  # fmt: skip
_FEW = 12  # bytes that are not ASCII
_WITHIN_WORDS = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff]|[\xc0-\xff](?=[a-z])|(?<=[a-z])\x92(?=[a-z])")

_SAMPLE = 64 * 1024  # bytes of lines that are not ASCII, for telling an encoding
_FOREIGN_LINE = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*")
_ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as "surrogateescape" gives them
_WESTERN = frozenset("àâæçéèêëîïôœùûüÿäöß")  # all that French and German have
_SIGNS = frozenset("’‘“”„«»‹›–—…•·°§©®™€£¥¿¡´`ªº²³½¼¾×±µ№、。，！？：；「」『』（）【】《》　〜ー\u00a0\u202f")


class DecodedText(NamedTuple):
    """A text with newlines as its only line ends, and what was done to get it."""

    text: LongText
    notices: tuple[str, ...]
    file_lines: FileLines  # its lines as the file counts them


def decode_chunks(chunks: list[bytes], name: str, *, declared: str = "") -> DecodedText:
    """The text of a file's chunks, which are emptied on the way: no second copy of it is held.

    By byte order mark, zeros of UTF-16 and UTF-32, strict UTF-8, the `declared` encoding, else detected.
    Raises InputError for binary data: a NUL in the first 8 KB, or a known format that is not text.
    """
    head = first_bytes(chunks)
    mark, encoding = _marked(head)
    replaced = 0
    if not encoding:
        decode_input(head, name)  # for its refusal of binary data
        encoding, replaced = _judged(chunks, _known(declared))
    elif encoding == "utf-8":
        _, replaced = _measured(chunks)
    text, ends, nuls = LongText(), FoldedLineEnds(), 0
    if mark:
        chunks[0] = chunks[0][len(mark) :]
    for part in _decoded(chunks, encoding):
        if encoding != "utf-8" and not part.isascii():
            replaced += part.count("\ufffd")
        if "\0" in part:
            nuls += part.count("\0")
            part = part.replace("\0", "\ufffd")
        text.append(ends.fold(part))
    were = "1 NUL was" if nuls == 1 else f"{nuls:,} NULs were"
    notices = (encoding_notice(encoding, replaced), f"{were} replaced" if nuls else "")
    return DecodedText(text, tuple(filter(None, notices)), ends.file_lines())


def first_bytes(chunks: list[bytes]) -> bytes:
    """The first HEAD bytes of chunks."""
    head = b""
    for chunk in chunks:
        head += chunk[: HEAD - len(head)]
        if len(head) >= HEAD:
            break
    return head


def _marked(head: bytes) -> tuple[bytes, str]:
    """The byte order mark and its encoding; UTF-16 and UTF-32 without a mark by their zeros; else nothing."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return mark, encoding
    for encoding, zeros in _ZEROS:
        others = [at for at in range(4) if at not in zeros]
        if len(head) >= 4 and min(_shares(head, zeros)) > 0.6 and max(_shares(head, others)) < 0.05:
            return b"", encoding
    return b"", ""


def _shares(head: bytes, places: Iterable[int]) -> list[float]:
    """The share of zeros among the bytes at each of these places of every four."""
    return [head[at::4].count(0) / len(head[at::4]) for at in places]


def _decoded(chunks: list[bytes], encoding: str) -> Iterator[str]:
    """Text in parts between which no \\r\\n is split; the chunks are emptied on the way."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=False)
    chunks.reverse()
    while chunks:
        yield decoder.decode(chunks.pop())
    yield decoder.decode(b"", final=True)


def _judged(chunks: list[bytes], declared: str) -> tuple[str, int]:
    """The encoding of bytes without a mark, and how many of them are not of it."""
    good, bad = _measured(chunks)
    if not bad:
        return "utf-8", 0
    for encoding in (declared, "" if good * 2 >= bad else _detected(_sample(chunks))):
        if encoding and _holds(chunks, encoding):
            return encoding, 0
    return "utf-8", bad


def _known(declared: str) -> str:
    """The name of Python's codec for a declared encoding, or "" if text is not written in it byte by byte."""
    try:
        name = codecs.lookup(declared.strip()).name if declared.strip().isascii() else ""
    except (LookupError, ValueError):
        return ""
    if name in ("iso8859-1", "ascii"):  # what browsers read them as (WHATWG Encoding Standard, section 4.2)
        return "cp1252"
    return name if name.startswith(_CODECS) else ""


def _measured(chunks: list[bytes]) -> tuple[int, int]:
    """Characters beyond ASCII that are sound UTF-8, and bytes that are not UTF-8."""
    good = bad = 0
    for text in codecs.iterdecode(chunks, "utf-8", "surrogateescape"):
        if not text.isascii():
            escaped = sum(1 for _ in _ESCAPED.finditer(text))
            bad += escaped
            good += len(text) - len(text.encode("ascii", "ignore")) - escaped
    return good, bad


def _sample(chunks: list[bytes]) -> bytes:
    """Lines that are not ASCII, whole where their chunk has them whole."""
    sample = bytearray()
    for line in (line for chunk in chunks for line in _FOREIGN_LINE.finditer(chunk)):
        sample += line[0][:4096] + b"\n"
        if len(sample) > _SAMPLE:
            break
    return bytes(sample)


def _detected(sample: bytes) -> str:
    """The encoding that a sample is likely in, or "" where its characters would make no words."""
    if sum(byte > 0x7F for byte in sample) < _FEW:  # a guess of the language would be one of chance
        return "cp1252" if _WITHIN_WORDS.search(sample) and _plausible(sample, "cp1252") else ""
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_WRITTEN).best()
    # Of a short text the detector takes è and à for č and ŕ; no language of Central Europe does with these letters.
    letters, detected = _letters(sample, "cp1252"), best.encoding if best else ""
    western = bool(letters) and _WESTERN.issuperset(letters.lower())
    for encoding in ("cp1252", detected) if western else (detected, "cp1252"):
        if encoding and _plausible(sample, encoding):
            return encoding
    return ""


def _letters(sample: bytes, encoding: str) -> str:
    """The letters of a sample that are not ASCII; "" where it is not of this encoding."""
    try:
        return "".join(c for c in sample.decode(encoding) if c > "\x7f" and c.isalpha())
    except UnicodeDecodeError:
        return ""


def _plausible(sample: bytes, encoding: str) -> bool:
    """Whether what is not ASCII are letters and the signs that stand among them."""
    try:
        foreign = [character for character in sample.decode(encoding) if character > "\x7f"]
    except UnicodeDecodeError:
        return False
    wrong = [c for c in foreign if c not in _SIGNS and unicodedata.category(c)[0] not in "LM"]
    return len(wrong) <= len(foreign) // 20


def _holds(chunks: list[bytes], encoding: str) -> bool:
    try:
        for _ in codecs.iterdecode(chunks, encoding):
            pass
    except (UnicodeDecodeError, LookupError):
        return False
    return True
