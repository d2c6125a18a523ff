"""Email (RFC 5322, MIME) to text: who, whom, when and about what, then the body."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.encodings import decode_chunks
from quoth.documents.formats.html import write_html
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError

_FIELDS = ("Subject", "From", "To", "Cc", "Date")
_NEAR = 40  # lines
_DAMAGE = (LookupError, ValueError, TypeError, AttributeError, RecursionError)


def read_email(raw: RawDocument) -> Document:
    """One message: its plain text where it has one, else its HTML; attachments are named in the notices."""
    data = raw.data().replace(b"\r\n", b"\n")
    builder = DocumentBuilder()
    try:
        _write_message(builder, message_from_bytes(data, policy=policy.default), data.split(b"\n"))
    except _DAMAGE as error:
        raise InputError(f"{raw.name} is a damaged email", " ".join(str(error).split())[:200]) from None
    return builder.finish(raw.name, "email")


def _write_message(builder: DocumentBuilder, message: EmailMessage, source: list[bytes]) -> None:
    _write_fields(builder, message, source)
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        builder.block()
        _write_body(builder, body, source)
    for part in message.iter_attachments():
        builder.notices.append(f"the attachment {part.get_filename() or part.get_content_type()} was not read")


def _write_fields(builder: DocumentBuilder, message: EmailMessage, source: list[bytes]) -> None:
    for field in _FIELDS:
        try:
            value = str(message.get(field, "")).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        except _DAMAGE:
            value = ""
        if value:
            prefix = f"{field.lower()}:".encode()
            at = next((number for number, line in enumerate(source, 1) if line.lower().startswith(prefix)), 1)
            builder.newline()
            builder.write(f"{field}: {' '.join(value.split())}", at)


def _write_body(builder: DocumentBuilder, body: MIMEPart, source: list[bytes]) -> None:
    """The body, each line at its own in the file where it stands there as it is, else near it."""
    payload = body.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    decoded = decode_chunks([data], "the message", declared=body.get_content_charset() or "")
    builder.notices += decoded.notices
    text = str(decoded.text)
    if body.get_content_type() == "text/html":
        write_html(builder, text, lines=False)
        return
    line = _first_line(body, source)
    for number, part in enumerate(text.rstrip("\n").split("\n"), 1):
        line = _found(part.encode("utf-8", "replace").strip(), source, line)
        builder.write(part, line)
        builder.end_line()
        line += decoded.file_lines.at(number + 1) - decoded.file_lines.at(number)


def _found(wanted: bytes, source: list[bytes], start: int) -> int:
    """The line, from one on and near it, that begins what is wanted; else that one."""
    for number in range(start, min(len(source), start + _NEAR) + 1):
        there = source[number - 1].strip().rstrip(b"=")  # quoted-printable ends a line that continues with it
        if there and wanted.startswith(there):
            return number
    return start


def _first_line(body: MIMEPart, source: list[bytes]) -> int:
    """The line behind the body's header: the first empty one after the header of its type."""
    header = re.compile(rb"content-type:\s*" + re.escape(body.get_content_type().encode()), re.IGNORECASE)
    start = next((number for number, line in enumerate(source) if header.match(line)), 0)
    return next((number + 2 for number in range(start, len(source)) if not source[number].strip()), 1)
