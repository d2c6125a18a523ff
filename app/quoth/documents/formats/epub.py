"""EPUB (EPUB 3.3 and 2.0.1) to text: the spine's pages in order, chapters by the table of contents."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import NamedTuple
from urllib.parse import unquote

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.formats.html import write_html
from quoth.documents.formats.html_tokens import Tokens
from quoth.documents.formats.zip_archive import ZipArchive
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError

_PAGES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


@dataclass(slots=True)
class _Package:
    """What the package document says: the pages in reading order, and where the table of contents is."""

    pages: list[str] = field(default_factory=list)
    nav: str = ""  # XHTML, EPUB 3
    ncx: str = ""  # EPUB 2


class _Entry(NamedTuple):
    """A line of the table of contents."""

    depth: int  # 1 is the outermost
    title: str
    page: str  # member of the archive
    anchor: str  # id within the page, or ""


def read_epub(raw: RawDocument) -> Document:
    """A book. Raises InputError for an encrypted, damaged or empty one."""
    archive = raw.archive
    package = _package(archive)
    contents: dict[str, list[_Entry]] = {}
    for entry in _contents(archive, package):
        contents.setdefault(entry.page, []).append(entry)
    builder = DocumentBuilder()
    missing = [page for page in package.pages if page not in archive]
    for page in package.pages:
        if page in archive:
            _write_page(builder, archive, page, contents.get(page, []), bool(contents))
    if missing:
        builder.notices.append(f"{len(missing)} of {len(package.pages)} parts are missing from the archive")
    if not builder.length and "META-INF/encryption.xml" in archive:
        raise InputError(f"{raw.name} is encrypted", "a book with copy protection")
    return builder.finish(raw.name, "epub")


def _package(archive: ZipArchive) -> _Package:
    found = archive.xml("META-INF/container.xml")
    path = next((event.attributes.get("full-path", "") for event in found if event.value == "rootfile"), "")
    package = _Package()
    hrefs: dict[str, str] = {}
    for event in archive.xml(path):
        attributes = event.attributes
        if event.kind == "start" and event.value == "item":
            href = _member(path, attributes.get("href", ""))
            hrefs[attributes.get("id", "")] = href if attributes.get("media-type") in _PAGES else ""
            if "nav" in attributes.get("properties", "").split():
                package.nav = href
            if attributes.get("media-type") == "application/x-dtbncx+xml":
                package.ncx = href
        elif event.kind == "start" and event.value == "itemref" and hrefs.get(attributes.get("idref", "")):
            package.pages.append(hrefs[attributes["idref"]])
    if not package.pages:
        raise InputError(f"{archive.name} is damaged", "a book without pages")
    return package


def _member(base: str, href: str) -> str:
    """The archive's name of what a member refers to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(href.partition("#")[0])))


def _entry(base: str, href: str, depth: int, title: str) -> _Entry:
    return _Entry(depth, " ".join(title.split()), _member(base, href), unquote(href.partition("#")[2]))


def _contents(archive: ZipArchive, package: _Package) -> list[_Entry]:
    found = [*_nav_entries(archive, package.nav)] if package.nav in archive else []
    return found or ([*_ncx_entries(archive, package.ncx)] if package.ncx in archive else [])


def _nav_entries(archive: ZipArchive, path: str) -> Iterator[_Entry]:
    depth, inside, href = 0, False, ""
    title: list[str] = []
    for token in Tokens(archive.text(path, archive.name), xml=True):
        if token.kind == "start" and token.value == "nav":
            inside = "toc" in token.attributes().get("epub:type", "").split()
        elif token.value == "nav":
            inside = False
        elif not inside:
            continue
        elif token.kind == "text":
            title.append(unescape(token.value))
        elif token.value == "ol":
            depth += 1 if token.kind == "start" else -1
        elif token.value == "a" and token.kind == "start":
            href, title = unescape(token.attributes().get("href", "")), []
        elif token.value == "a" and href:
            yield _entry(path, href, depth, "".join(title))


def _ncx_entries(archive: ZipArchive, path: str) -> Iterator[_Entry]:
    depth, label, texts = 0, False, [""]
    for event in archive.xml(path):
        if event.value == "navPoint" and event.kind != "text":
            depth += 1 if event.kind == "start" else -1
        elif event.value == "navLabel" and event.kind != "text":
            label = event.kind == "start"
            texts = [] if label else texts
        elif event.kind == "text" and label:
            texts.append(event.value)
        elif event.kind == "start" and event.value == "content" and depth:
            yield _entry(path, event.attributes.get("src", ""), depth, "".join(texts))


def _write_page(
    builder: DocumentBuilder, archive: ZipArchive, page: str, entries: list[_Entry], has_contents: bool
) -> None:
    """One page of the spine. Without an entry it belongs to the chapter before it."""
    builder.block()
    start, headings, before = builder.next_start, len(builder.headings), builder.length
    anchors = write_html(builder, archive.text(page, page), xml=True, lines=False)
    if builder.length == before:
        return
    marks = {start: entries[0].title} if entries else {}
    marks.update({anchors[e.anchor]: e.title for e in entries[1:] if e.depth == 1 and e.anchor in anchors})
    if not has_contents and len(builder.headings) > headings:
        marks = {start: builder.headings[headings].title}
    if not marks and not builder.chapters:
        marks = {start: builder.headings[headings].title if len(builder.headings) > headings else ""}
    for offset, title in sorted(marks.items()):
        builder.chapters.set(offset, title)
