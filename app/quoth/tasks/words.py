"""The words of a text: how many, and which say what it is about. Pure."""

from __future__ import annotations

import re

from quoth.text.words import UNSPACED, is_stopword, terms

_WORD = re.compile(rf"[{UNSPACED}]|[^\W_{UNSPACED}](?:[^\W_{UNSPACED}]|['’.,-](?=[^\W_{UNSPACED}]))*")


def count_words(text: str) -> int:
    """Words of a text, as people count them: one of Chinese or Japanese is a character."""
    return sum(1 for _ in _WORD.finditer(text))


def content_terms(text: str) -> list[str]:
    """Its terms without those that say nothing."""
    return [term for term in terms(text) if not is_stopword(term)]
