"""The kinds of documents: how each is recognized, and what reads it. A new one is a row here, a file in formats/."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import PurePath
from typing import NamedTuple

from quoth.documents.document import Document
from quoth.documents.raw_document import RawDocument

ZIP = b"PK\x03\x04"

_TEXT = """
txt text rst asc adoc org tex log csv tsv nfo readme news changes debian diff patch po bib ltx textile wiki
"""
_CODE = """
py pyi c h cc cpp cxx hpp hh rs go java kt scala js mjs ts tsx jsx rb pl pm php sh bash zsh fish ps1 lua r jl hs ml mli
clj ex exs erl swift m cs fs vb sql css scss less vue svelte json jsonl yaml yml toml ini cfg conf xml cmake mk gradle
nix el lisp scm vim asm s f90 f tf proto
"""
_ROFF = re.compile(rb"^[.'](?:TH|Dd|SH|Sh|so)\b", re.MULTILINE)
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_SUBTITLES = re.compile(rb"(?:\xef\xbb\xbf)?WEBVTT|\s*1\r?\n\d\d:\d\d:\d\d,\d{3} --> ")
_MAIL = re.compile(rb"(?:From [^\n]+\n)?(?:[A-Za-z][A-Za-z0-9-]*: [^\n]*\r?\n(?:[ \t][^\n]*\n)*){3}")
_MAIL_FIELDS = re.compile(rb"^(?:From|Subject|Date|Message-ID|MIME-Version|Received):", re.MULTILINE | re.I)


def _is_zip(raw: RawDocument) -> bool:
    return raw.head.startswith(ZIP)


def _is_epub(raw: RawDocument) -> bool:
    return _is_zip(raw) and "META-INF/container.xml" in raw.archive


def _is_docx(raw: RawDocument) -> bool:
    return _is_zip(raw) and (
        "word/document.xml" in raw.archive
        or ("_rels/.rels" in raw.archive and b"wordprocessingml" in raw.archive.read("[Content_Types].xml"))
    )


def _is_man(raw: RawDocument) -> bool:
    return raw.head.startswith((b'.\\"', b"'\\\"", b".TH ", b".Dd ")) and _ROFF.search(raw.head) is not None


def _is_email(raw: RawDocument) -> bool:
    header = raw.head.partition(b"\n\n")[0]
    return _MAIL.match(raw.head) is not None and len(set(_MAIL_FIELDS.findall(header))) >= 2


class Kind(NamedTuple):
    """A kind of document. Its reader is imported when the first document of the kind is read."""

    name: str
    suffixes: str  # regular expressions, between spaces
    looks_like: Callable[[RawDocument], bool]  # by its content
    reader: str  # the module in formats/ and its function, (RawDocument) -> Document
    binary: bool = False  # recognized by its content alone, not by the file's name

    def read(self, raw: RawDocument) -> Document:
        """A document of this kind. Raises InputError."""
        module, _, function = self.reader.partition(":")
        read: Callable[[RawDocument], Document] = getattr(import_module(f"quoth.documents.formats.{module}"), function)
        return read(raw)


# The first row that a content looks like is its kind: the last one takes everything.
KINDS = (
    Kind("pdf", "pdf", lambda raw: b"%PDF-" in raw.head[:1024], "pdf.reader:read_pdf", binary=True),
    Kind("epub", "epub", _is_epub, "epub:read_epub", binary=True),
    Kind("docx", "docx", _is_docx, "docx:read_docx", binary=True),
    Kind("zip", "", _is_zip, "zip:read_zip", binary=True),
    Kind("html", "html? xhtml xht", lambda raw: _HTML.match(raw.head) is not None, "html:read_html"),
    Kind("subtitles", "srt vtt", lambda raw: _SUBTITLES.match(raw.head) is not None, "subtitles:read_subtitles"),
    Kind("man", "[1-9][a-z]{0,4}", _is_man, "manual.roff:read_man"),
    Kind("email", "eml", _is_email, "email:read_email"),
    Kind("info", r"info(?:-\d+)?", lambda raw: b"\x1f\nFile: " in raw.head, "manual.info:read_info"),
    Kind("code", _CODE, lambda raw: raw.head.startswith(b"#!"), "plain:read_code"),
    Kind("markdown", "md markdown mdown mkd", lambda raw: False, "plain:read_markdown"),
    Kind("text", _TEXT, lambda raw: True, "plain:read_text"),
)


def kind_by_name(name: str) -> Kind | None:
    """The kind that a file's name says, the suffix of gzip aside."""
    suffix = PurePath(PurePath(name.lower()).name.removesuffix(".gz")).suffix.removeprefix(".")
    patterns = ((kind, "|".join(kind.suffixes.split())) for kind in KINDS)
    return next((kind for kind, pattern in patterns if suffix and re.fullmatch(pattern, suffix)), None)


def kind_of(raw: RawDocument) -> Kind:
    """The kind of a document: by its content where that shows, else by its name. Raises InputError."""
    named = kind_by_name(raw.name)
    if binary := next((kind for kind in KINDS if kind.binary and kind.looks_like(raw)), None):
        return binary
    if named is None or named.binary:
        return next(kind for kind in KINDS if kind.looks_like(raw))
    return KINDS[-1] if named.name == "man" and not _ROFF.search(raw.head) else named
