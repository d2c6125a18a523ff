"""Remove from text what could control a terminal or hide in it. Sequences: ECMA-48, and xterm's strings.

Kept: every printable character, newline, tab, and the invisible characters that writing needs: joiners and variation
selectors (emoji, Persian, Indic scripts, Japanese names) and the zero-width space (Khmer, Thai, Burmese).
"""

from __future__ import annotations

import re
from functools import cache

HOLD = 4096
"""The most characters of an unfinished escape sequence that are waited for; then its body is shown as text."""

_BODY = r"[^\x00-\x08\x0a-\x1f\x7f-\x9f]"  # no control but tab, so that one look never passes the next sequence
_STRING = rf"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f]){_BODY}{{0,{HOLD}}}+"  # DCS, OSC, SOS, PM, APC
_CSI = rf"(?:\x1b\[|\x9b)[0-?]{{0,{HOLD}}}+[ -/]{{0,{HOLD}}}+"
_ESCAPE = rf"\x1b[ -/]{{0,{HOLD}}}+"
_UNFINISHED = rf"(?P<unfinished>(?:{_STRING}\x1b?|{_CSI}|{_ESCAPE})\Z)"
_SEQUENCE = rf"{_STRING}(?:[\x07\x9c]|\x1b\\)|{_CSI}[@-~]|{_ESCAPE}[0-~]|\x1b[0-~]"
_LINE_ENDING = r"(?P<ending>\r\n?)"
_LINE_SEPARATOR = r"(?P<separator>[\x0b\x0c\x85\u2028\u2029])"
_SINGLE = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0, DEL, C1
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    r"\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible format characters, byte order mark
    r"\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)


@cache
def _pattern(final: bool) -> re.Pattern[str]:
    """What is not plain text; unless `final`, a sequence that the next text may finish is a separate match."""
    parts = [_LINE_ENDING, _LINE_SEPARATOR, _SEQUENCE, _SINGLE]
    return re.compile("|".join(parts if final else [_UNFINISHED, *parts]))


class Cleaner:
    """Cleans text that comes in pieces; how it was cut makes no difference.

    A complete escape sequence vanishes as a whole. Of an unfinished one only the introducer is removed, once a
    newline, another control character, HOLD characters or the end say that it stays unfinished. Line endings and
    line separators become one newline.
    """

    def __init__(self) -> None:
        self.count = 0  # sequences and single characters removed; line endings not counted
        self._held = ""
        self._after_return = False

    def feed(self, text: str) -> str:
        if not text:
            return ""
        if self._after_return and text[0] == "\n":
            text = text[1:]
        self._after_return = text.endswith("\r")
        text, self._held = self._held + text, ""
        return _pattern(final=False).sub(self._replacement, text)

    def flush(self) -> str:
        """What was held back, at the end of the text."""
        text, self._held, self._after_return = self._held, "", False
        return _pattern(final=True).sub(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind == "unfinished":
            self._held = match[0]
            return ""
        if kind == "ending":
            return "\n"
        self.count += 1
        return "\n" if kind == "separator" else ""


def clean(text: str) -> tuple[str, int]:
    """The text without control codes, and how many were removed."""
    cleaner = Cleaner()
    return cleaner.feed(text) + cleaner.flush(), cleaner.count


def one_line(text: str, limit: int = 80) -> str:
    """A name or a message from outside as one clean line of at most `limit` characters."""
    line = clean(text)[0].replace("\n", " ").replace("\t", " ").strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def well_formed(text: str) -> str:
    """Text that UTF-8 can hold: each lone surrogate, as in arguments that are not UTF-8, becomes U+FFFD."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)
