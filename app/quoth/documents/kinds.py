"""Which kind of document a file is: by its content where that shows, else by its name."""

from __future__ import annotations

import re
from pathlib import PurePath

from quoth.errors import InputError
from quoth.text.decoding import decode_input

_MARKDOWN = {".md", ".markdown", ".mdown", ".mkd"}
_HTML = {".html", ".htm", ".xhtml", ".xht"}
_SUBTITLES = {".srt", ".vtt"}
_MAIL = {".eml"}
_PACKED = {".pdf": "pdf", ".epub": "epub", ".docx": "docx"}
_TEXT = {
    ".txt", ".text", ".rst", ".asc", ".adoc", ".org", ".tex", ".log", ".csv", ".tsv", ".nfo", ".readme", ".news",
    ".changes", ".debian", ".diff", ".patch", ".po", ".bib", ".ltx", ".textile", ".wiki",
}  # fmt: skip
_CODE = {
    ".py", ".pyi", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".rs", ".go", ".java", ".kt", ".scala", ".js",
    ".mjs", ".ts", ".tsx", ".jsx", ".rb", ".pl", ".pm", ".php", ".sh", ".bash", ".zsh", ".fish", ".ps1", ".lua", ".r",
    ".jl", ".hs", ".ml", ".mli", ".clj", ".ex", ".exs", ".erl", ".swift", ".m", ".cs", ".fs", ".vb", ".sql", ".css",
    ".scss", ".less", ".vue", ".svelte", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".xml",
    ".cmake", ".mk", ".gradle", ".nix", ".el", ".lisp", ".scm", ".vim", ".asm", ".s", ".f90", ".f", ".tf", ".proto",
}  # fmt: skip
_BY_SUFFIX = {
    **dict.fromkeys(_MARKDOWN, "markdown"),
    **dict.fromkeys(_HTML, "html"),
    **dict.fromkeys(_SUBTITLES, "subtitles"),
    **dict.fromkeys(_MAIL, "email"),
    **dict.fromkeys(_TEXT, "text"),
    **dict.fromkeys(_CODE, "code"),
    **_PACKED,
    ".info": "info",
}
_INFO_PART = re.compile(r"\.info-\d+$")
_MAN_SECTION = re.compile(r"\.[1-9][a-z]{0,4}$")
_ROFF = re.compile(rb"^[.'](?:TH|Dd|SH|Sh|so)\b", re.MULTILINE)
_HTML_START = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_MAIL_START = re.compile(rb"(?:From [^\n]+\n)?(?:[A-Za-z][A-Za-z0-9-]*: [^\n]*\r?\n(?:[ \t][^\n]*\n)*){3}")
_MAIL_FIELDS = re.compile(rb"^(?:From|Subject|Date|Message-ID|MIME-Version|Received):", re.MULTILINE | re.I)


def name_kind(name: str) -> str:
    """The kind that a file's name says, the suffix of gzip aside, or ""."""
    name = PurePath(name.lower()).name.removesuffix(".gz")
    if _INFO_PART.search(name):
        return "info"
    suffix = PurePath(name).suffix
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    return "man" if _MAN_SECTION.search(name) else ""


def kind_of(name: str, head: bytes) -> str:
    """The kind of a file with this name and these first bytes; "zip" for an archive that its members will tell."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    named = name_kind(name)
    if named in _PACKED.values():
        named = ""  # it says a format that its bytes are not
    if named == "man":
        return "man" if _ROFF.search(head) else "text"
    return named or _content_kind(head)


def why_unreadable(name: str, head: bytes) -> str:
    """Why a file that was found in a folder is left out, or nothing."""
    named = name_kind(name)
    packed = head.startswith(b"\x1f\x8b")
    if packed:
        return "" if named and named not in ("epub", "docx") else "gzip data of an unknown kind"
    kind = kind_of(name, head)
    if kind == "zip":
        return "" if named in ("epub", "docx") else "a ZIP archive"
    if kind == "pdf":
        return ""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return ""
    try:
        decode_input(head, name)
    except InputError as error:
        return error.why
    if not named and PurePath(name).suffix and kind in ("text", "code"):
        return f"{PurePath(name).suffix} files are of no known kind"
    return ""


def _content_kind(head: bytes) -> str:
    """What bytes without a telling name look like; plain text unless something else is plain to see."""
    if _HTML_START.match(head):
        return "html"
    if head.startswith((b"WEBVTT", b"\xef\xbb\xbfWEBVTT")) or re.match(rb"\s*1\r?\n\d\d:\d\d:\d\d,\d{3} --> ", head):
        return "subtitles"
    if head.startswith((b'.\\"', b"'\\\"", b".TH ", b".Dd ")) and _ROFF.search(head):
        return "man"
    if _MAIL_START.match(head) and len(set(_MAIL_FIELDS.findall(head.partition(b"\n\n")[0]))) >= 2:
        return "email"
    if b"\x1f\nFile: " in head:
        return "info"
    return "code" if head.startswith(b"#!") else "text"
