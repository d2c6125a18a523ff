"""Which characters a reader sees as one: Unicode Standard Annex 29, by the standard library's tables. Pure."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def is_inside_character(before: str, after: str) -> bool:
    """Whether a border between two code points is inside a character: e + accent, an emoji and its modifiers."""
    if after < "\u0300" or before.isspace():
        return before == "\r" and after == "\n"
    if after == _JOINER or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    return (
        (before == _JOINER and ord(after) > 0x2000)
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags of flags
        or (_is_flag_letter(before) and _is_flag_letter(after))
        or (_is_jamo(before) and "\u1160" <= after <= "\u11ff")
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_jamo(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff" or "\uac00" <= character <= "\ud7a3"
