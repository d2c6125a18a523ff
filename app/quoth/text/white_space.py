"""A stretch of a text on one line. Pure."""

from __future__ import annotations

import re

# Wide characters as in Unicode's East Asian Width, without Hangul, which has spaces; inside a pattern's brackets.
_WIDE = (
    "\u2e80-\u303f\u3040-\u30ff\u3100-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\ufe30-\ufe4f\uff01-\uffef\U00020000-\U0003ffff"
)
_WIDE_MARK = "\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_EITHER = "“”‘’…—·"  # wide in Chinese, narrow elsewhere
# A line that ends inside a text without spaces was broken anywhere: its end stands for nothing (as in CSS Text 3,
# "segment break transformation rules").
_BREAK = re.compile(
    rf"(?<=[{_WIDE}])\s*\n\s*(?=[{_WIDE}{_EITHER}])|(?<=[{_EITHER}])\s*\n\s*(?=[{_WIDE}])"
    rf"|(?<=[{_WIDE_MARK}])\s*\n\s*|\s*\n\s*(?=[{_WIDE_MARK}])"
)


def folded(text: str) -> str:
    """A text without line breaks and with single spaces; lines of Chinese and Japanese join without one."""
    if "\n" in text and not text.isascii():
        text = _BREAK.sub("", text)
    return " ".join(text.split())
