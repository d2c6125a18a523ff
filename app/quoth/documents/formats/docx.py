"""DOCX (ECMA-376, WordprocessingML) to text: headings by their styles, tables one row a line, notes at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.formats.xml_events import XmlEvent
from quoth.documents.formats.zip_archive import ZipArchive
from quoth.documents.raw_document import RawDocument
from quoth.errors import InputError

_HEADING_NAME = re.compile(r"heading (\d)", re.IGNORECASE)
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_LEFT_OUT = frozenset(("moveFrom", "Fallback", "pict"))  # moved away; the older form of what stands beside it
_DEEPEST = 10  # steps from a style to the one it is based on


@dataclass(slots=True)
class _Style:
    name: str = ""
    based_on: str = ""
    level: int = 0  # of its outline; 0: none


@dataclass(slots=True)
class _Paragraph:
    texts: list[str] = field(default_factory=list)
    style: str = ""
    level: int = 0
    item: bool = False


def read_docx(raw: RawDocument) -> Document:
    """A Word document. Raises InputError for a damaged one."""
    archive = raw.archive
    main = _main_part(archive)
    folder = main.rpartition("/")[0]
    styles = f"{folder}/styles.xml"
    levels = _levels(archive, styles) if styles in archive else {}
    builder = DocumentBuilder()
    _Body(builder, levels).write(archive.xml(main))
    for notes in (f"{folder}/footnotes.xml", f"{folder}/endnotes.xml"):
        if notes in archive:
            builder.block()
            _Body(builder, {}).write(archive.xml(notes))
    return builder.finish(raw.name, "docx")


def _main_part(archive: ZipArchive) -> str:
    if "word/document.xml" in archive:
        return "word/document.xml"
    for event in archive.xml("_rels/.rels"):
        if event.value == "Relationship" and event.attributes.get("Type", "").endswith("/officeDocument"):
            return event.attributes.get("Target", "").lstrip("/")
    raise InputError(f"{archive.name} is damaged", "a Word document without text")


def _levels(archive: ZipArchive, part: str) -> dict[str, int]:
    """The heading level of each style, by its id, for those that have one."""
    styles: dict[str, _Style] = {}
    style = _Style()
    for event in archive.xml(part):
        if event.kind != "start":
            continue
        value = event.attributes.get("val", "")
        if event.value == "style":
            style = styles.setdefault(event.attributes.get("styleId", ""), _Style())
        elif event.value == "name":
            style.name = value
        elif event.value == "basedOn":
            style.based_on = value
        elif event.value == "outlineLvl":
            style.level = _outline_level(value)
    return {key: level for key in styles if (level := _level(styles, key))}


def _outline_level(value: str) -> int:
    """Levels are counted from 0; 9 is body text (17.3.1.20)."""
    return int(value) + 1 if value in "012345678" and value else 0


def _level(styles: dict[str, _Style], key: str) -> int:
    for _ in range(_DEEPEST):
        style = styles.get(key)
        if style is None:
            break
        named = _HEADING_NAME.fullmatch(style.name)
        level = int(named[1]) if named else 1 if style.name.lower() == "title" else style.level
        if level:
            return level
        key = style.based_on
    return 0


class _Body:
    """Paragraphs and tables while their events pass."""

    def __init__(self, builder: DocumentBuilder, levels: dict[str, int]) -> None:
        self._builder = builder
        self._levels = levels
        self._paragraphs: list[_Paragraph] = []  # a text box stands within a paragraph
        self._rows: list[list[str]] = []  # cells of the rows that are open; tables nest
        self._left_out = 0
        self._in_text = False
        self._after_item = False

    def write(self, events: Iterator[XmlEvent]) -> None:
        for event in events:
            if event.kind != "text" and event.value in _LEFT_OUT:
                self._left_out += 1 if event.kind == "start" else -1
            elif self._left_out:
                continue
            elif event.kind == "text":
                if self._in_text and self._paragraphs:
                    self._paragraphs[-1].texts.append(event.value)
            elif event.kind == "start":
                self._start(event)
            else:
                self._end(event.value)

    def _start(self, event: XmlEvent) -> None:
        name, value = event.value, event.attributes.get("val", "")
        if name == "p":
            self._paragraphs.append(_Paragraph())
        elif name == "t":
            self._in_text = True
        elif name == "tbl":
            self._builder.block()
        elif name == "tr":
            self._rows.append([])
        elif name == "tc" and self._rows:
            self._rows[-1].append("")
        elif self._paragraphs:
            paragraph = self._paragraphs[-1]
            if name == "pStyle":
                paragraph.style = value
            elif name == "outlineLvl":
                paragraph.level = _outline_level(value)
            elif name == "numPr":
                paragraph.item = True
            elif name in _CHARACTERS:
                paragraph.texts.append(_CHARACTERS[name])

    def _end(self, name: str) -> None:
        if name == "t":
            self._in_text = False
        elif name == "p" and self._paragraphs:
            self._paragraph(self._paragraphs.pop())
        elif name == "tr" and self._rows:
            self._row(self._rows.pop())
        elif name == "tbl":
            self._builder.block()

    def _paragraph(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.texts).replace("\t", " ").strip()
        level = paragraph.level or self._levels.get(paragraph.style, 0)
        if not text:
            return
        if self._rows:
            if self._rows[-1]:
                self._rows[-1][-1] = " ".join((*self._rows[-1][-1].split(), *text.split()))
        elif level:
            self._builder.heading(level, text)
        else:
            self._builder.newline() if paragraph.item and self._after_item else self._builder.block()
            self._builder.write(f"- {text}" if paragraph.item else text)
            self._after_item = paragraph.item

    def _row(self, cells: list[str]) -> None:
        line = " | ".join(cells)
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] = " ".join((self._rows[-1][-1], line)).strip()
        elif line.strip(" |"):
            self._builder.newline()
            self._builder.write(line)
