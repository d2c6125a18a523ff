"""HTML and XHTML as tags and texts with their offsets; one pass, linear in the length. Pure.

The standard library's parser is not linear for malformed documents in some Python versions (CVE-2025-6069).
After the tokenizer of the HTML standard (section 13.2.5), as far as text needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

_MARKUP = re.compile(r"<(?:(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*)|(?P<other>!--|!\[CDATA\[|[!?]))")
_TAG_STOP = re.compile(r""">|=\s*["']""")
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
# Elements whose content is neither markup nor text of the document.
RAW = frozenset({"script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})
_LONGEST_TAG = 64 * 1024  # characters of attributes that are looked into


class Token(NamedTuple):
    """A start tag, an end tag, a text, or a construct that never ends."""

    kind: Literal["start", "end", "text", "endless"]
    value: str  # the tag's name in small letters, the text as it stands in the source
    start: int  # offset in the source
    raw: str = ""  # attributes as they stand
    closed: bool = False  # "<br/>"

    def attributes(self) -> dict[str, str]:
        """Attributes by name in small letters, their entities as they stand."""
        found = _ATTRIBUTE.finditer(self.raw[:_LONGEST_TAG])
        return {match[1].lower(): match[2] or match[3] or match[4] or "" for match in found}


class Tokens:
    """The tokens of a source. In XHTML a raw element may be closed in its start tag, and CDATA is text."""

    def __init__(self, source: str, *, xml: bool = False) -> None:
        self._source = source
        self._xml = xml
        self._missing: set[str] = set()  # what is known not to come any more

    def __iter__(self) -> Iterator[Token]:
        source, at = self._source, 0
        self._missing.clear()
        while match := _MARKUP.search(source, at):
            if match.start() > at:
                yield Token("text", source[at : match.start()], at)
            if match["other"]:
                token, at = self._declaration(match)
            else:
                token, at = self._tag(match)
            if token:
                yield token
            if token and token.kind == "start" and token.value in RAW and not (self._xml and token.closed):
                end = self._raw_end(token.value, at)
                if end < 0:
                    yield Token("endless", f"<{token.value}>", token.start)
                    return
                if token.value == "title" and end > at:
                    yield Token("text", source[at:end], at)
                at = end
        if at < len(source):
            yield Token("text", source[at:], at)

    def _tag(self, match: re.Match[str]) -> tuple[Token, int]:
        source = self._source
        end = self._tag_end(match.end())
        if end < 0:
            return Token("text", source[match.start() :], match.start()), len(source)
        raw = source[match.end() : end - 1]
        kind: Literal["start", "end"] = "end" if match["end"] else "start"
        return Token(kind, match["name"].lower(), match.start(), raw, raw.endswith("/")), end

    def _tag_end(self, at: int) -> int:
        """Behind the ">" that is in no quoted value, or -1."""
        while match := _TAG_STOP.search(self._source, at):
            if match[0] == ">":
                return match.end()
            close = self._find(match[0][-1], match.end())
            at = close + 1 if close >= 0 else match.end()
        return -1

    def _declaration(self, match: re.Match[str]) -> tuple[Token | None, int]:
        """Comments, CDATA, doctypes and processing instructions."""
        source, other = self._source, match["other"]
        if other == "!--":
            end = self._find("-->", match.end() - 2)
            if end < 0:
                return Token("endless", "<!--", match.start()), len(source)
            return None, end + 3
        if other == "![CDATA[" and self._xml:
            end = self._find("]]>", match.end())
            end = len(source) if end < 0 else end
            text = source[match.end() : end].replace("&", "&amp;")
            return Token("text", text, match.end()), min(end + 3, len(source))
        close = self._find(">", match.end())
        if other == "!" and "[" in source[match.end() : max(close, match.end())]:
            close = max(close, self._find("]>", match.end()) + 1)
        if close < 0:
            return Token("text", source[match.start() :], match.start()), len(source)
        return None, close + 1

    def _raw_end(self, name: str, at: int) -> int:
        match = re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE).search(self._source, at)
        return match.start() if match else -1

    def _find(self, sign: str, at: int) -> int:
        """Where a sign comes next, or -1; one that does not come is not searched for again."""
        if sign in self._missing:
            return -1
        found = self._source.find(sign, at)
        if found < 0:
            self._missing.add(sign)
        return found
