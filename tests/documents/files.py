"""Small PDF, EPUB and DOCX files, made in memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

from pypdf import PdfReader, PdfWriter

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF with these lines on its pages (PDF 32000-1, 7.5); a page without lines shows a filled box only."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _FONT,
    ]
    for number, lines in enumerate(pages):
        content = _content(lines)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >>"
            + f" /Contents {5 + 2 * number} 0 R >>".encode()
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    return _numbered(objects)


def _content(lines: Sequence[str]) -> bytes:
    if not lines:
        return b"0 0 100 100 re f"
    shown = [f"({_escaped(line)}) Tj T*".encode("latin-1") for line in lines]
    return b"\n".join((b"BT /F1 10 Tf 12 TL 50 800 Td", *shown, b"ET"))


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _numbered(objects: Sequence[bytes]) -> bytes:
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")
    start = out.tell()
    out.write(f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode())
    out.writelines(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    out.write(f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return out.getvalue()


def with_bookmarks(data: bytes, titles: Sequence[tuple[str, int]]) -> bytes:
    """A PDF with an outline: titles and their pages from 1."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    for title, page in titles:
        writer.add_outline_item(title=title, page_number=page - 1)
    return _written(writer)


def encrypted(data: bytes, *, user: str) -> bytes:
    """A PDF behind a password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt(user, "owner", algorithm="RC4-128")
    return _written(writer)


def _written(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles>'
    "</container>"
)


def epub(pages: Mapping[str, str], *, nav: str = "", ncx: str = "") -> bytes:
    """A book of XHTML bodies by file name; `nav` is the inside of its table of contents, `ncx` that of its navMap."""
    items = [f'<item id="p{at}" href="{name}" media-type="application/xhtml+xml"/>' for at, name in enumerate(pages)]
    members: dict[str, str | bytes] = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    if nav:
        items.append('<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>')
        members["OEBPS/nav.xhtml"] = _xhtml(f'<nav epub:type="toc"><ol>{nav}</ol></nav>')
    if ncx:
        items.append('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>')
        members["OEBPS/toc.ncx"] = (
            f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1"><navMap>{ncx}</navMap></ncx>'
        )
    spine = "".join(f'<itemref idref="p{at}"/>' for at in range(len(pages)))
    members["OEBPS/book.opf"] = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f"<manifest>{''.join(items)}</manifest><spine>{spine}</spine></package>"
    )
    members.update({f"OEBPS/{name}": _xhtml(body) for name, body in pages.items()})
    return archive(members)


def _xhtml(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"'
        f' xmlns:epub="http://www.idpf.org/2007/ops"><head><title/></head><body>{body}</body></html>'
    )


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
STYLES = (
    f'<w:styles {W}><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Mine"><w:name w:val="My own"/><w:basedOn w:val="berschrift2"/></w:style>'
    '<w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>'
)


def docx(body: str, **parts: str) -> bytes:
    """A Word document with this inside of its body; `parts` are further members of word/ by their names."""
    members = {f"word/{name}.xml": text for name, text in {"styles": STYLES, **parts}.items()}
    document = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return archive({"[Content_Types].xml": "<Types/>", "word/document.xml": document, **members})


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of Word's."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'
