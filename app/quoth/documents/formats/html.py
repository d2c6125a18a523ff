"""HTML to text: headings, paragraphs, lists, tables one row a line; what only steers a page is left out."""

from __future__ import annotations

import re
from html import unescape

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.formats.html_tokens import RAW, Token, Tokens
from quoth.documents.raw_document import RawDocument

_META = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,100}encoding=["']([\w.-]{1,40})""", re.I
)

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
# What is not text of the document. The head is left out by its parts: if its end is missing, the page must stay.
_NOISE = frozenset({
    "nav", "template", "svg", "audio", "video", "canvas", "object", "select", "button", "datalist", "dialog",
    "noscript", "map",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "details", "dir", "div", "dl", "fieldset", "figure",
    "figcaption", "footer", "form", "header", "hgroup", "hr", "html", "legend", "main", "menu", "ol", "p", "pre",
    "search", "section", "summary", "table", "ul", "caption",
})  # fmt: skip
_LINES = frozenset(("br", "dt", "dd", "li", "tr", "option", "thead", "tbody", "tfoot"))
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_DEEPEST_INDENT = 8  # levels of lists
_ROOMY_CELL = 400  # characters; a longer cell is a part of the page, not of a table of values


def read_html(raw: RawDocument) -> Document:
    """A page; its lines are those of the source."""
    declared = _META.search(raw.head[:4096])
    decoded = raw.text((declared[1] or declared[2]).decode("ascii", "ignore") if declared else "")
    builder = DocumentBuilder(decoded.notices, decoded.file_lines)
    write_html(builder, str(decoded.text))
    return builder.finish(raw.name, "html")


def write_html(builder: DocumentBuilder, source: str, *, xml: bool = False, lines: bool = True) -> dict[str, int]:
    """Write a page's text, if `lines` with the lines of its source; returns where its anchors (ids) are in it."""
    page = _HtmlPage(builder, source, xml, lines)
    page.write()
    return page.anchors


class _HtmlPage:
    """A page while its tokens pass; `anchors` are where its ids are in the text."""

    def __init__(self, builder: DocumentBuilder, source: str, xml: bool, lines: bool) -> None:
        self.anchors: dict[str, int] = {}
        self._builder = builder
        self._source = source
        self._tokens = Tokens(source, xml=xml)
        self._xml = xml
        self._lines = lines
        self._noise = True  # leave out what is not text
        self._line = 1
        self._counted = 0  # offset up to which lines are counted
        self._skipping = ""  # the element that is left out
        self._depth = 0  # of elements of that name
        self._pre = 0
        self._pre_start = 0
        self._lists: list[int] = []  # number of the last item; -1 in lists without numbers
        self._cells: list[int] = []  # where the cells that are open begin
        self._heading: tuple[int, list[str], int] | None = None  # level, texts, line

    def write(self) -> None:
        self._noise = not self._ends_left_out()  # an element left open that would hide the rest hides nothing
        self._skipping = ""
        builder = self._builder
        for token in self._tokens:
            self._line += self._source.count("\n", self._counted, token.start)
            self._counted = token.start
            if token.kind == "endless":
                line = builder.file_lines.at(self._line)
                builder.notices.append(f"{token.value} in line {line} never ends: what follows it was left out")
            elif self._skipping:
                self._skip(token)
            elif token.kind == "text":
                self._text(token.value)
            elif token.kind == "start":
                self._start(token)
            else:
                self._end(token.value)
        self._close_heading()
        builder.block()

    def _ends_left_out(self) -> bool:
        """Whether an element that is left out never ends."""
        for token in self._tokens:
            if self._skipping:
                self._skip(token)
            elif token.kind == "start" and self._left_out(token):
                self._leave_out(token)
        return bool(self._skipping)

    def _skip(self, token: Token) -> None:
        if token.value == self._skipping and token.kind != "text":
            self._depth += 1 if token.kind == "start" else -1
            if token.kind == "start" and token.closed and self._xml:
                self._depth -= 1
            if not self._depth:
                self._skipping = ""

    def _leave_out(self, token: Token) -> None:
        if not (token.closed and self._xml):
            self._skipping, self._depth = token.value, 1

    def _left_out(self, token: Token) -> bool:
        if token.value in RAW:
            return True  # Tokens finds their ends
        if not self._noise or token.value in _VOID:
            return False
        if token.value in _NOISE:
            return True
        if "hid" not in token.raw and "navigation" not in token.raw and "headerlink" not in token.raw:
            return False
        attributes = token.attributes()
        is_hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
        is_link = attributes.get("role") == "navigation" or "headerlink" in attributes.get("class", "").split()
        return is_hidden or is_link

    def _start(self, token: Token) -> None:
        name, builder = token.value, self._builder
        if "id" in token.raw:
            self.anchors.setdefault(token.attributes().get("id", ""), builder.next_start)
        if self._left_out(token):
            self._leave_out(token)
        elif name in _HEADINGS:
            self._close_heading()
            self._heading = (_HEADINGS[name], [], self._line)
        elif name in ("td", "th"):
            self._open_cell()
        elif name in _BLOCKS or name in _LINES:
            self._break(name)
            if name in _LISTS:
                self._lists.append(0 if name == "ol" else -1)
            elif name == "li":
                self._item()
            elif name == "dd":
                builder.prefix("    ")
            elif name == "pre":
                self._pre += not (token.closed and self._xml)
                self._pre_start = builder.length

    def _end(self, name: str) -> None:
        if name in _HEADINGS:
            self._close_heading()
        elif name in ("td", "th"):
            if self._cells:
                self._cells.pop()
        elif name in _BLOCKS or name in _LINES:
            if name in _LISTS and self._lists:
                self._lists.pop()
            if name == "tr":
                self._cells.clear()
            self._pre -= name == "pre" and self._pre > 0
            self._break(name)

    def _break(self, name: str) -> None:
        """End the line or the block; within a cell of a table of values only the word."""
        builder = self._builder
        if self._heading:
            self._heading[1].append(" ")
        elif self._cells and name not in ("tr", "table", "pre") and builder.length - self._cells[-1] < _ROOMY_CELL:
            builder.space()
        elif name in _LINES or (name in _LISTS and len(self._lists) > 0):
            builder.newline()
        else:
            builder.block()

    def _item(self) -> None:
        if self._cells:
            return
        indent = "  " * min(len(self._lists) - 1, _DEEPEST_INDENT)
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self._builder.prefix(f"{indent}{self._lists[-1]}. ")
        else:
            self._builder.prefix(f"{indent}- ")

    def _open_cell(self) -> None:
        builder = self._builder
        if self._cells:  # the end tag of a cell may be missing
            self._cells.pop()
        if not builder.at_start_of_line:
            builder.write(" |", self._line if self._lines else 0)
            builder.space()
        self._cells.append(builder.length)

    def _text(self, source: str) -> None:
        line = self._line
        for number, part in enumerate(source.split("\n")):
            text = unescape(part).replace("\0", "\ufffd")
            if self._heading:
                self._heading[1].append(f"{text} ")
            elif self._pre:
                if number and self._builder.length > self._pre_start:
                    self._builder.end_line()
                self._builder.write(text, line + number if self._lines else 0)
            else:
                if number:
                    self._builder.space()
                self._builder.fold(text, line + number if self._lines else 0)

    def _close_heading(self) -> None:
        if self._heading:
            level, texts, line = self._heading
            self._heading = None
            self._builder.heading(level, "".join(texts), line if self._lines else 0)
