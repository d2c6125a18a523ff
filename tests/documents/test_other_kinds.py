"""Man and info pages, subtitles, email, gzip; and which kind a file is."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from importlib import import_module

import pytest

from quoth.documents import Document
from quoth.documents.kinds import KINDS, Kind, kind_of
from quoth.documents.raw_document import RawDocument
from tests.documents.files import archive, docx, epub, paragraph

Reading = Callable[..., Document]

MAN = r""".\" a comment
.TH TAR 1 "2026"
.ie \n(.g .ds Aq \(aq
.el       .ds Aq '
.de XX
hidden
..
.if t \{\
hidden too
.\}
.SH NAME
tar \- an archiving
utility
.SH "SEE ALSO"
.PP
Use \fB\-x\fR with
.BR gzip (1),
not \*(Aqrm\*(Aq \(em ever.
.TP
.B \-v
Say
what is done.
.IP \(bu 2
A point.
.nf
  kept   as
    it is
.fi
.TS
l l.
name	size
a	T{
long cell
T}
.TE
.SS Deep
End.
"""

MDOC = """.Dd May 1, 2026
.Dt SSH 1
.Os
.Sh NAME
.Nm ssh
.Nd login client
.Sh SYNOPSIS
.Nm
.Op Fl 46A
.Op Fl B Ar interface
.Ar host
.Sh DESCRIPTION
.Nm
reads
.Pa ~/.ssh ,
see
.Xr ssh_config 5 .
.Bl -tag -width Ds
.It Fl a
Disables it.
.El
"""

SRT = (
    "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Once upon a midnight\r\ndreary.</i>\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}While I pondered.\r\n"
)
VTT = (
    "WEBVTT - a title\n\nNOTE not said\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:start\n"
    "<v Poe>Nevermore &amp; <b>more</b>\n\n00:03.000 --> 00:04.000\nNevermore\n"
)
MAIL = (
    "Received: by x\nFrom: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nTo: Lenore <l@example.org>\n"
    "Subject: =?utf-8?b?R3LDvMOfZQ==?=\nDate: Mon, 2 Feb 2026 10:00:00 +0000\nMIME-Version: 1.0\n"
    'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: multipart/alternative; boundary="c"\n\n'
    "--c\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nDear Lenore,\n"
    "the bust above my door is of Pallas, gr=C3=BCn.\n--c\nContent-Type: text/html\n\n<p>no</p>\n--c--\n"
    '--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename="a.pdf"\n\nJVBERi0=\n--b--\n'
)
INFO = (
    "This is grep.info.\n\n\x1f\nFile: grep.info,  Node: Top,  Up: (dir)\n\n"
    "grep\n****\n\nIt prints lines.\n\0\b[index\0\b]\n\x1f\nFile: grep.info,  Node: Usage,  Prev: Top\n\n"
    "1 Usage\n*******\n\nUse it.\n\n1.1 Options\n===========\n\nMany.\n"
    "\x1f\nTag Table:\nNode: Top\x7f20\n\x1f\nEnd Tag Table\n"
)


def line_of(document: Document, words: str) -> int:
    start = str(document.text).find(words)
    assert start >= 0, words
    return document.place(start, start + 1).start_line


def source_line(source: str, words: str) -> int:
    return next(number for number, line in enumerate(source.split("\n"), 1) if words in line)


def test_the_source_of_a_man_page_becomes_text(reading: Reading) -> None:
    document = reading("tar.1", MAN)
    assert document.kind == "man"
    assert str(document.text) == (
        "NAME\n\ntar - an archiving utility\n\n"
        "SEE ALSO\n\nUse -x with gzip(1), not 'rm' — ever.\n\n"
        "-v\n    Say what is done.\n\n•\n    A point.\n\n"
        "  kept   as\n    it is\n\nname | size\na | long cell\n\nDeep\n\nEnd.\n"
    )
    assert [(heading.level, heading.title) for heading in document.headings] == [
        (1, "NAME"),
        (1, "SEE ALSO"),
        (2, "Deep"),
    ]
    for words in ("utility", "gzip", "Say", "A point", "it is", "End."):
        assert line_of(document, words) == source_line(MAN, words)


def test_the_macros_of_bsd_pages_are_read(reading: Reading) -> None:
    document = reading("ssh.1.gz", gzip.compress(MDOC.encode()))
    assert str(document.text) == (
        "NAME\n\nssh – login client\n\nSYNOPSIS\n\nssh [-46A] [-B interface] host\n\nDESCRIPTION\n\n"
        "ssh reads ~/.ssh, see ssh_config(5).\n\n-a\n    Disables it.\n"
    )
    assert line_of(document, "Disables") == source_line(MDOC, "Disables")


def test_a_definition_that_never_ends_is_told(reading: Reading) -> None:
    document = reading("a.1", ".TH A 1\n.SH NAME\na\n.de XX\nlost\n")
    assert document.notices == ("a definition never ends: what follows it was left out",)


def test_info_pages_keep_their_lines_and_headings(reading: Reading) -> None:
    document = reading("grep.info.gz", gzip.compress(INFO.encode()))
    assert document.kind == "info"
    assert document.notices == ()
    assert "Tag Table" not in str(document.text)
    assert [heading.title for heading in document.headings] == ["grep", "1 Usage", "1.1 Options"]
    assert line_of(document, "Many.") == source_line(INFO, "Many.")


def test_the_index_of_a_split_info_file_says_where_the_text_is(reading: Reading) -> None:
    data = (
        "This is find.info.\n\x1f\nIndirect:\nfind.info-1: 500\nfind.info-2: 90000\n"
        "\x1f\nTag Table:\n(Indirect)\n\x1f\nEnd Tag Table\n"
    )
    assert reading("find.info", data).notices == ("an index only: the text is in find.info-1, find.info-2",)


@pytest.mark.parametrize(
    ("name", "source", "text", "words"),
    [
        ("a.srt", SRT, "Once upon a midnight dreary.\nWhile I pondered.\n", ("dreary", "While")),
        ("a.vtt", VTT, "Poe: Nevermore & more Nevermore\n", ("Poe",)),
    ],
)
def test_subtitles_are_what_is_said(
    reading: Reading, name: str, source: str, text: str, words: tuple[str, ...]
) -> None:
    document = reading(name, source)
    assert document.kind == "subtitles"
    assert str(document.text) == text
    for word in words:
        assert line_of(document, word) == source_line(source, word)


@pytest.mark.parametrize("piece", ["<b ", "{\\a", "<v a", "<v.", "&amp;", "word "])
def test_a_megabyte_in_one_cue_takes_seconds_at_most(reading: Reading, piece: str) -> None:
    begun = time.process_time()
    reading("a.srt", "1\n00:00:01,000 --> 00:00:02,500\n" + piece * (1_000_000 // len(piece)))
    assert time.process_time() - begun < 8


@pytest.mark.parametrize(
    "piece", ["\\f", "\\[", "\\*(", '"', ".B ", ".if n ", "\\n[", "\n.if n ", "\n.BR a\\\n", "\\s'"]
)
@pytest.mark.more
def test_a_megabyte_of_roff_takes_seconds_at_most(reading: Reading, piece: str) -> None:
    begun = time.process_time()
    reading("a.1", ".TH A 1\n.SH NAME\n.if n " + piece * (1_000_000 // len(piece)))
    assert time.process_time() - begun < 8


def test_mail_begins_with_who_and_what_and_names_what_was_not_read(reading: Reading) -> None:
    document = reading("a.eml", MAIL)
    assert document.kind == "email"
    assert str(document.text) == (
        "Subject: Grüße\nFrom: Jürgen <j@example.org>\nTo: Lenore <l@example.org>\n"
        "Date: Mon, 02 Feb 2026 10:00:00 +0000\n\nDear Lenore,\nthe bust above my door is of Pallas, grün.\n"
    )
    assert document.notices == ("the attachment a.pdf was not read",)
    for words in ("Subject", "Dear", "the bust"):
        assert line_of(document, words) == source_line(MAIL, words)


def test_bytes_in_the_header_of_a_mail_that_are_no_text_are_replaced(reading: Reading) -> None:
    document = reading("a.eml", b"From: a@b.c\nDate: x\nSubject: a\xff b" + b" " * 9000 + b"c\0d\n\nBody\n")
    str(document.text).encode()
    assert "\0" not in str(document.text)
    assert str(document.text).endswith("Body\n")


def test_mail_with_html_only_is_read_too(reading: Reading) -> None:
    mail = "From: a@b.c\nSubject: s\nContent-Type: text/html; charset=utf-8\n\n<h1>Title</h1><p>Body &amp; soul</p>\n"
    assert str(reading("a.eml", mail).text) == "Subject: s\nFrom: a@b.c\n\nTitle\n\nBody & soul\n"


def test_gzip_of_several_members_is_read_through(reading: Reading) -> None:
    document = reading("policy.txt.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n") + bytes(512))
    assert (document.kind, str(document.text)) == ("text", "one\ntwo\n")


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.txt", b"hello", "text"),
        ("README", b"hello", "text"),
        ("A.MD", b"hello", "markdown"),
        ("a.md.gz", b"hello", "markdown"),
        ("a.pdf", b"<!DOCTYPE html><html>", "html"),
        ("a.txt", b"%PDF-1.7\n", "pdf"),
        ("stdin", b"%PDF-1.7\n", "pdf"),
        ("a.txt", archive({"a.txt": "hello"}), "zip"),
        ("stdin", docx(paragraph("hello")), "docx"),
        ("a.docx", epub({"a.xhtml": "hello"}), "epub"),
        ("stdin", b"\n<!-- x --><html lang=en>", "html"),
        ("stdin", b"WEBVTT\n\n", "subtitles"),
        ("stdin", b"1\n00:00:01,000 --> 00:00:02,000\n", "subtitles"),
        ("stdin", b"From: a\nSubject: b\nDate: c\n\nbody", "email"),
        ("stdin", b"From: only this\n\nnot a mail", "text"),
        ("stdin", b'.\\" comment\n.TH A 1\n', "man"),
        ("stdin", b"#!/bin/sh\n# a\n", "code"),
        ("notes.1", b"just notes", "text"),
        ("access.log", b"line", "text"),
    ],
)
def test_the_kind_is_told_by_content_where_it_shows_else_by_name(name: str, head: bytes, kind: str) -> None:
    assert kind_of(RawDocument(name, [head], 10**6)).name == kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_its_reader(kind: Kind) -> None:
    module, _, function = kind.reader.partition(":")
    assert callable(getattr(import_module(f"quoth.documents.formats.{module}"), function))
