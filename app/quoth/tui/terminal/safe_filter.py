"""The last look at every line before the terminal gets it: nothing in it can control the terminal or hide.

Textual hands all that widgets draw to its line filters; text from outside was cleaned when it came in, and this holds
even where that was forgotten.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

REPLACEMENT = "\ufffd"

# The characters that quoth.text.cleaning removes (a test holds the two equal), and here newline and tab too: a line
# is where they would move the cursor. Widgets have split and expanded theirs before.
UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    r"\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # line separators, bidirectional controls
    r"\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # invisible format characters, byte order mark
    r"\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)


class SafeFilter(LineFilter):
    """Shows U+FFFD for each unsafe character, and takes out control segments and hyperlinks (OSC 8).

    Give it last, and one instance for the app: lines are cached by filter.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        for text, style, control in segments:
            if control or (style is not None and style.link) or not (text.isprintable() or UNSAFE.search(text) is None):
                return _safe(segments)
        return segments


def _safe(segments: list[Segment]) -> list[Segment]:
    """The line without what is unsafe, as many cells wide as it was."""
    width = Segment.get_line_length(segments)
    safe = [
        # A terminal opens a hyperlink without asking, and its address may hold control codes.
        Segment(UNSAFE.sub(REPLACEMENT, text), style.update_link(None) if style is not None and style.link else style)
        for text, style, control in segments
        if not control  # its text would be written too: Strip.render knows no difference
    ]
    return _fitted(safe, width)


def _fitted(segments: list[Segment], width: int) -> list[Segment]:
    """A line that has grown (most unsafe characters take no cell) is cut to its width, first from its padding."""
    surplus = sum(cell_len(text) for text, _, _ in segments) - width
    fitted = []
    for text, style, _ in reversed(segments):
        if surplus > 0 and text.isspace():
            text, surplus = text[surplus:], max(0, surplus - len(text))
        if text:
            fitted.append(Segment(text, style))
    fitted.reverse()
    return Segment.adjust_line_length(fitted, width, pad=False) if surplus > 0 else fitted
