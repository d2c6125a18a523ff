"""What is indexed of a text, and a search for it. Pure.

FTS5's unicode61 tokenizer takes letters and digits as words. Text in a script without spaces would be one long word,
and emoji would be none: so each of their characters becomes a word, and a search for several of them a phrase. One
Chinese character is found as well as a name, and an English word by its beginning.
"""

from __future__ import annotations

import re
import unicodedata

from quoth.text.words import UNSPACED

SNIPPET = 160  # characters

# Patterns as text: `re` compiles them at their first use, which most runs never come to.
_PICTURES = "\u2190-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_PICTURE = f"[{_PICTURES}]"
_SINGLE = f"[{UNSPACED}{_PICTURES}]"


def indexed(text: str) -> str:
    """A text as the index takes it."""
    if text.isascii():
        return text
    return re.sub(_SINGLE, lambda match: f" {_name(match[0])} ", text)


def _name(character: str) -> str:
    return f"u{ord(character):x}" if re.match(_PICTURE, character) else character


def parts(search: str) -> list[str]:
    """The words of a search; text in quotation marks counts as one."""
    found = re.findall(r'"([^"]*)"|([^\s"]+)', search.replace("\0", " "))
    return [part for quoted, plain in found if (part := (quoted or plain).strip())]


def query(search: str) -> str:
    """The FTS5 query that finds all words of a search by their beginnings; "" if it has none."""
    return " ".join(_phrase(part) for part in parts(search) if _has_word(indexed(part)))


def _phrase(part: str) -> str:
    words = indexed(part)
    begins = len(part) > 1 and part[-1].isalnum() and not re.match(_SINGLE, part[-1])
    return f'"{words}"' + (" *" if begins else "")


def _has_word(text: str) -> bool:
    """Whether unicode61 sees a word in it: letters, digits, private-use characters."""
    return any(kind[0] in "LN" or kind == "Co" for kind in map(unicodedata.category, text))


def snippet(text: str, search: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """One line around the first word found, and where the words are in it as (start, end)."""
    line = " ".join(text.split())
    folded = _folded(line)
    wanted = [_folded(part) for part in parts(search)]
    first = min((at for word in wanted if (at := _find(folded, word)) >= 0), default=0)
    start = max(0, first - SNIPPET // 3)
    end = min(len(line), start + SNIPPET)
    before, after = "…" if start else "", "…" if end < len(line) else ""
    shift = len(before) - start
    marks = [(at + shift, at + shift + len(word)) for word in wanted for at in _all(folded, word, start, end)]
    return before + line[start:end] + after, tuple(sorted(marks))


def _folded(text: str) -> str:
    """Lower case without accents, each character in its place."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFD", character)[0].lower()[:1] or character for character in text)


def _find(text: str, word: str, start: int = 0) -> int:
    """Where a word begins; inside another word only if no word begins with it."""
    pattern = re.compile(rf"(?<![^\W_]){re.escape(word)}")
    found = pattern.search(text, start)
    return found.start() if found else text.find(word, start)


def _all(text: str, word: str, start: int, end: int) -> list[int]:
    found = []
    at = _find(text, word, start)
    while at >= 0 and at + len(word) <= end:
        found.append(at)
        at = _find(text, word, at + len(word))
    return found
