"""A quote looked up in its source, verbatim but for white space. Pure."""

from __future__ import annotations

import re

SHORTEST = 2  # words, or characters of a script without spaces, of a quote that proves anything
_EQUAL = {"'": "['’‘`]", "’": "['’‘`]", "‘": "['’‘`]", '"': '["“”„]', "“": '["“”„]', "”": '["“”„]', "-": "[-‐‑–—]"}


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text: (start, end) in characters, or None.

    White space is folded, and typographic quotation marks and hyphens equal the plain ones. Marks that a
    writer puts around a quote do not count.
    """
    said = quote.strip().strip("\"'“”‘’«»「」").strip()
    words = said.removesuffix("...").removesuffix("…").split()
    if not words:
        return None
    pattern = r"\s+".join(map(_pattern, words))
    found = re.search(pattern, text)
    if found is None and (len(words) >= SHORTEST or len(words[0]) >= 2 * SHORTEST):
        found = re.search(pattern, text, re.IGNORECASE)  # it may begin with a capital that its source does not have
    return found.span() if found else None


def _pattern(word: str) -> str:
    return "".join(_EQUAL.get(character) or re.escape(character) for character in word)
