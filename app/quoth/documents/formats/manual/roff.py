"""The source of a man page to text: the macros of man(7), the common ones of mdoc(7); lines are the source's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quoth.documents.builder import DocumentBuilder
from quoth.documents.document import Document
from quoth.documents.formats.manual.mdoc import INLINE, inline
from quoth.documents.formats.manual.roff_text import arguments, plain
from quoth.documents.raw_document import RawDocument

_REQUEST = re.compile(r"[.'][ \t]*(?P<name>[^\s\\]{1,32}|\\[\"#]|\\\{|\\\})?[ \t]*(?P<rest>.*)")
_CONDITION = re.compile(r"(?P<not>!?)(?P<what>[nteo]\b|'[^']*'[^']*'|\S+)[ \t]*(?P<rest>.*)")
_PARAGRAPHS = frozenset(("P", "PP", "LP", "HP", "Pp", "Lp"))
_FONTS = frozenset(("B", "I", "SM", "SB", "R", "CW", "BR", "BI", "IR", "IB", "RB", "RI", "OP"))
_PRE_ON = frozenset(("nf", "EX", "Vb", "Bd"))
_PRE_OFF = frozenset(("fi", "EE", "Ve", "Ed"))
_LINES = frozenset(("br", "RS", "RE", "Bl", "El", "YS", "Dl", "D1"))
_DEEPEST = 20  # conditionals on one line
_HIDDEN = frozenset(("de", "de1", "am", "ig"))  # up to a line of two dots


def read_man(raw: RawDocument) -> Document:
    """A man page."""
    decoded = raw.text()
    page = _Page(DocumentBuilder(decoded.notices, decoded.file_lines))
    page.write(str(decoded.text).split("\n"))
    return page.builder.finish(raw.name, "man")


class _Page:
    """A page while its lines pass."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self.builder = builder
        self._strings: dict[str, str] = {}
        self._name = ""  # what .Nm stands for
        self._pre = False
        self._waiting = ""  # the macro whose argument is the next line
        self._hidden = ""  # the line that ends a stretch left out
        self._depth = 0  # braces of a conditional left out
        self._was_true = True
        self._nested = 0  # conditionals on one line
        self._table: list[str] | None = None

    def write(self, lines: list[str]) -> None:
        for number, line in _continued(lines):
            self._line(line, number)
        if self._hidden or self._depth:
            self.builder.notices.append("a definition never ends: what follows it was left out")

    def _line(self, line: str, number: int) -> None:
        if self._hidden:
            if "".join(line.split()) == self._hidden:
                self._hidden = ""
        elif self._depth:
            self._depth += line.count("\\{") - line.count("\\}")
        elif self._table is not None and not re.match(r"\.T[EH&]", line):
            self._table_line(line, number)
        elif line[:1] in (".", "'") and (match := _REQUEST.match(line)):
            self._request(match["name"] or "", match["rest"].replace("\\}", ""), number)
        else:
            self._text(plain(line.replace("\\}", ""), self._strings), number)

    def _text(self, text: str, number: int) -> None:
        waiting, self._waiting = self._waiting, ""
        if waiting in ("SH", "SS"):
            self.builder.heading(1 if waiting == "SH" else 2, text, number)
        elif waiting:
            self._tag(text, number)
        elif self._pre:
            self.builder.write(text.rstrip(), number)
            self.builder.end_line()
        elif not text.strip():
            self.builder.block()
        else:
            self.builder.fold(text, number)
            self.builder.space()

    def _tag(self, text: str, number: int) -> None:
        self.builder.fold(text, number)
        self.builder.newline()
        self.builder.prefix("    ")

    def _request(self, name: str, rest: str, number: int) -> None:
        builder = self.builder
        if name in ("SH", "SS", "Sh", "Ss"):
            self._heading(name, rest, number)
        elif name in ("TP", "TQ"):
            builder.block() if name == "TP" else builder.newline()
            self._waiting = name
        elif name == "IP":
            builder.block()
            tag = arguments(rest)[:1]
            if tag and tag[0].strip():
                self._tag(plain(tag[0], self._strings), number)
        elif name in _PARAGRAPHS or name == "sp":
            builder.block()
        elif name in _FONTS:
            self._text(self._joined(name, arguments(rest)), number)
        elif name in _PRE_ON or name in _PRE_OFF:
            builder.block()
            self._pre = name in _PRE_ON and "-filled" not in rest and "-ragged" not in rest
        elif name == "It":
            builder.block() if "-compact" not in rest else builder.newline()
            self._tag(self._inline(arguments(rest)) or "-", number)
        elif name in ("UR", "MT", "UE", "ME"):
            self._text("".join(f"<{plain(word, self._strings)}>" for word in arguments(rest)[:1]), number)
        elif name in _LINES:
            builder.newline()
            if name in ("Dl", "D1"):
                self._text(self._inline(arguments(rest)), number)
        else:
            self._control(name, rest, number)

    def _control(self, name: str, rest: str, number: int) -> None:
        """Requests that steer, and mdoc's macros within a line."""
        if name in _HIDDEN:
            end = arguments(rest)[1:2] if name != "ig" else arguments(rest)[:1]
            self._hidden = f".{end[0]}" if end else ".."
        elif name == "ds":
            key, _, value = rest.partition(" ")
            self._strings[key] = value.strip().removeprefix('"')
        elif name in ("if", "ie"):
            self._condition(rest, number)
        elif name == "el":
            self._branch(not self._was_true, rest, number)
        elif name == "so":
            self.builder.notices.append(f"the page refers to {rest.strip()}, which was not read")
        elif name == "TS":
            self.builder.block()
            self._table = []
        elif name == "TE":
            self._table = None
            self.builder.block()
        elif name in INLINE:
            words = arguments(rest)
            if name == "Nm" and words and not self._name:
                self._name = words[0]
            if name == "Nd":
                words = ["\\(en", *words]
            self._text(self._inline([name, *words]), number)

    def _heading(self, name: str, rest: str, number: int) -> None:
        self._pre = False
        title = plain(" ".join(arguments(rest)), self._strings)
        if title.strip():
            self.builder.heading(1 if name.upper() == "SH" else 2, title, number)
        else:
            self._waiting = name.upper()

    def _joined(self, name: str, words: list[str]) -> str:
        """Alternating fonts join their words; one font keeps them apart."""
        parts = [plain(word, self._strings) for word in words]
        if name == "OP":
            return f"[{' '.join(parts)}]"
        return ("" if len(name) == 2 and name not in ("SM", "SB", "CW") else " ").join(parts)

    def _inline(self, words: list[str]) -> str:
        return plain(inline(words, self._name), self._strings)

    def _condition(self, rest: str, number: int) -> None:
        match = _CONDITION.match(rest)
        if match is None:
            return
        # "n" is a terminal's formatter, "o" an odd page. All else, groff's own macros among it, is not taken.
        self._was_true = (match["what"] in ("n", "o")) != bool(match["not"])
        self._branch(self._was_true, match["rest"], number)

    def _branch(self, taken: bool, rest: str, number: int) -> None:
        if taken:
            rest = rest.replace("\\{", "").strip()
            if rest and rest != "\\" and self._nested < _DEEPEST:
                self._nested += 1
                self._line(rest, number)
                self._nested -= 1
        else:
            self._depth = max(0, rest.count("\\{") - rest.count("\\}"))

    def _table_line(self, line: str, number: int) -> None:
        """tbl(1): formats up to a full stop, then rows with tabs between their cells."""
        assert self._table is not None
        if not self._table:
            if line.rstrip().endswith("."):
                self._table.append("")
            return
        if line.startswith((".", "'")) or not line.strip("_= \t"):
            return
        text = plain(line, self._strings)
        open_cell = self._table[-1] if len(self._table) > 1 else ""
        cells = [cell.strip() for cell in text.replace("T{", "").replace("T}", "").split("\t")]
        self.builder.fold(" | ".join(cells), number)
        if line.rstrip().endswith("T{") or (open_cell == "open" and not line.startswith("T}")):
            self._table[1:] = ["open"]
            self.builder.space()
        else:
            self._table[1:] = []
            self.builder.newline()


def _continued(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that ends in a backslash continues on the next."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate(lines, 1):
        if line.endswith("\\") and not line.endswith("\\\\") and number < len(lines):
            parts.append(line[:-1])
            continue
        yield first, "".join((*parts, line))
        parts.clear()
        first = number + 1
