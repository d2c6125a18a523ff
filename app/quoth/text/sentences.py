"""Where sentences begin and end, by rules: abbreviations, hard-wrapped lines, lists, tables, code, CJK, Thai. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from quoth.text.fenced_blocks import code_blocks

Span = tuple[int, int]  # start, end in characters


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that end in a full stop and never end a sentence.
_TITLES = _words("""
mr mrs ms mx dr prof st messrs mme mlle hon rev fr sr jr gov sen rep pres gen col maj capt cmdr lt sgt cpl vs cf
viz e.g i.e eg ie resp approx ca al incl excl esp dept univ assn bros ed eds trans est
""")
# They end none where a number, a single letter or a Roman numeral follows: "No. 5", but "He said no. Then".
_COUNTED = _words("""
no nos nr p pp fig figs eq eqs sec sect secs ch chap chaps vol vols art para par pt pts ex tab app ver v jan feb
mar apr jun jul aug sep sept oct nov dec
""")
# What a sentence often begins with: behind "U.S." or "etc." one of these begins a new one, "Army" does not.
_STARTERS = _words("""
a an the this that these those it its he she they we i you his her their our my your there here in on at by for
from to of with as and but or so if when while where after before since because although however then thus
therefore what who why how which no not all some many most each every both one two it's don't please see
""")
_NUMBERED = re.compile(r"[(\[]?(?:\d|[A-Z]\b|[IVXLC]+\b)")
_INITIAL = re.compile(r"(?:[^\W\d_]\.-?)*[^\W\d_]")  # J, J.K, U.S, a.m
# Of a list item or a heading: 1, 2.3, a, iv.
_LABEL = re.compile(r"\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})")
_WORD_BEFORE = re.compile(r"[^\s(\[{\"'“‘«]+\Z")
_WORD_AFTER = re.compile(r"[\"'“‘«(\[*_`]*([^\W_][\w'’]*)?")

_CLOSING = r"(?:[\"'”’»)\]*_`」』）》】〉]|\[\d+\])*+"
_END = re.compile(
    rf"(?<![.!?…‽])([.!?…‽]++{_CLOSING})(\s++)(?=\S)"
    rf"|(?<![。！？｡])[。！？｡]++{_CLOSING}(\s*+)(?=\S)(?![、，と])"
    rf"|(?<![؟۔।॥։።፧။])[؟۔।॥։።፧။]++{_CLOSING}(\s++)(?=\S)"
    r"|(?<=[\u0e00-\u0e7f])(\s++)(?=[\u0e00-\u0e7f])"  # Thai writes a space where others write a full stop
)

_BLOCK = re.compile(r"\S[^\n]*+(?:\n[^\S\n]*+\S[^\n]*+)*+")  # lines without a blank one between them
_LINE = re.compile(r"\S[^\n]*+")  # without its indentation
# A line that stands alone: heading, underline, row of a table (in bars or tabs).
_ALONE = r"[ \t]*(?:\#{1,6}[ \t]|([=\-~^\"'`*+\#_:])\1{2,}[ \t]*$|\||\+[-=+]{2,}|\S[^\t\n]*\t+[^\t\n])"
_ITEM = (
    r"[ \t>]*(?:[-*+•◦‣▪·–][ \t]|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{2,5})\)[ \t]|\d{1,3}\.[ \t]"
    r"|[①-⑳]|[一二三四五六七八九十]{1,3}、)"
)
_BEGINS_ALONE, _BEGINS_ITEM = re.compile(_ALONE, re.MULTILINE), re.compile(_ITEM)
_STRUCTURE = re.compile(rf"^(?:{_ALONE}|{_ITEM}|[^a-z\n]+\n[ \t]|[ \t]{{4}}|\t)", re.MULTILINE)
_SYMBOLS = re.compile(r"[{}();=<>$\\/_|&\[\]]")


def sentences(text: str, *, code: Sequence[Span] | None = None) -> list[Span]:
    """Spans, in order, that cover a text without the white space between its sentences.

    List items, rows of tables, headings and lines of code are sentences too; a newline inside a paragraph
    is a space. `code` are the fenced blocks, where they are known: a text may begin inside one.
    """
    found: list[Span] = []
    at = 0
    for start, end in [*(code_blocks(text) if code is None else code), (len(text), len(text))]:
        for block in _BLOCK.finditer(text, at, start):
            for whole, *part in _parts(text, *block.span()):
                found.extend([(part[0], part[1])] if whole else _split(text, *part))
        found.extend(_stripped(text, *line.span()) for line in _LINE.finditer(text, start, end))
        at = end
    return found


def _stripped(text: str, start: int, end: int) -> Span:
    line = text[start:end]
    return start + len(line) - len(line.lstrip()), end - len(line) + len(line.rstrip())


def _parts(text: str, start: int, end: int) -> Iterator[tuple[bool, int, int]]:
    """A block in stretches that no sentence goes beyond: whether each is a sentence as it is, start, end."""
    line_start = text.rfind("\n", 0, start) + 1
    if not _STRUCTURE.search(text, start, end) and not text[line_start:start]:
        yield False, *_stripped(text, start, end)
        return
    lines, at = [], line_start
    for line in _LINE.finditer(text, start, end):
        lines.append((at, line.end()))
        at = line.end() + 1
    if _is_code([text[a:b] for a, b in lines]):
        yield from ((True, *_stripped(text, *line)) for line in lines)
        return
    begun, alone = line_start, False
    for number, (a, b) in enumerate(lines):
        was_alone, alone = alone, bool(_BEGINS_ALONE.match(text, a, b)) or _is_title(text, lines, number)
        if number and (alone or was_alone or _BEGINS_ITEM.match(text, a, b)):
            yield was_alone, *_stripped(text, begun, a)
            begun = a
    yield alone, *_stripped(text, begun, end)


def _is_title(text: str, lines: Sequence[Span], number: int) -> bool:
    """A line in capitals above a deeper one, as in manual pages."""
    if number + 1 == len(lines):
        return False
    line, after = (text[a:b] for a, b in lines[number : number + 2])
    return line.isupper() and len(line) < 80 and _indent(after) > _indent(line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_code(lines: Sequence[str]) -> bool:
    """Whether indented lines are code or columns: short, or full of symbols. Others are prose in a narrow column."""
    if min(map(_indent, lines)) < 4 and not all(line.startswith("\t") for line in lines):
        return False
    whole = "".join(line.strip() for line in lines)
    return len(whole) < 36 * len(lines) or len(_SYMBOLS.findall(whole)) > len(whole) // 16


def _split(text: str, start: int, end: int) -> Iterator[Span]:
    begun = start
    for match in _END.finditer(text, start, end):
        if match[1] is None or not _continues(text, begun, match):
            gap = match.lastindex or 0
            yield begun, match.start(gap)
            begun = match.end(gap)
    yield begun, end


def _continues(text: str, begun: int, match: re.Match[str]) -> bool:
    """Whether the sentence continues behind this full stop, question mark or exclamation mark."""
    after = _WORD_AFTER.match(text, match.end())
    word = after[1] if after else None
    if word is None:
        return text[match.end()] in "-–—,;:.…"
    if word[0].islower():
        return True
    before = _WORD_BEFORE.search(text, max(begun, match.start() - 24), match.start())
    if match[1] != "." or before is None:
        return False
    token = before[0]
    return _continues_after(token, word, text[match.end() : match.end() + 8], before.start() == begun)


def _continues_after(token: str, word: str, following: str, first: bool) -> bool:
    """Whether a sentence continues between `token.` and `word`; `first`: the token is all there is of it so far."""
    lower = token.lower().rstrip(".")
    if lower in _TITLES or (first and _LABEL.fullmatch(token)):
        return True
    if lower in _COUNTED:
        return bool(_NUMBERED.match(following))
    if token != "I" and (_INITIAL.fullmatch(token) or lower in ("etc", "inc", "ltd", "co", "corp", "ph.d")):
        return word.lower() not in _STARTERS
    return False
