"""A quote looked up in its source, verbatim but for white space. Pure."""

from __future__ import annotations

import re

SHORTEST = 2  # words, or characters of a script without spaces, of a quote that proves anything
_EQUAL = {"'": "['’‘`]", "’": "['’‘`]", "‘": "['’‘`]", '"': '["“”„]', "“": '["“”„]', "”": '["“”„]', "-": "[-‐‑–—]"}


def find(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text: (start, end) in characters, or None.

    White space is folded, and quotation marks and hyphens count as those that people type for them. Marks that a
    writer puts around a quote are no part of it.
    """
    said = quote.strip().strip("\"'“”‘’«»「」").strip()
    words = said.removesuffix("...").removesuffix("…").split()
    if not words:
        return None
    found = re.search(r"\s+".join(map(_pattern, words)), text) or _without_case(words, text)
    return found.span() if found else None


def _pattern(word: str) -> str:
    return "".join(_EQUAL.get(character) or re.escape(character) for character in word)


def _without_case(words: list[str], text: str) -> re.Match[str] | None:
    """A quote of some length may begin with a capital that its source does not have."""
    if len(words) < SHORTEST and len(words[0]) < 2 * SHORTEST:
        return None
    return re.search(r"\s+".join(map(_pattern, words)), text, re.IGNORECASE)
