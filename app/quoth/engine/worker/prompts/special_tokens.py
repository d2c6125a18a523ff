"""Special-token strings inside a text: found in one pass, broken or replaced. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

ROUNDS = 8  # of breaking overlapping strings
_JOINERS = "\u2060\u200b\u200c\u00ad\ufffd"
_STAND_INS = "¤¦§¬·"


class Specials:
    """The special-token strings of a vocabulary, and how to break them inside a text. Pure."""

    def __init__(self, strings: Iterable[str]) -> None:
        self._strings = sorted({s for s in strings if s.strip()}, key=len, reverse=True)
        used = {character for s in self._strings for character in s}
        self.joiner = next((c for c in _JOINERS if c not in used), "\ufffd")
        self._stand_in = next((c for c in _STAND_INS if c not in used), "\ufffd")
        self._whole = _any_of(self._strings)
        self._first = _any_of(sorted({s[0] for s in self._strings}))
        self._longest = max((len(s) for s in self._strings), default=0)
        # A string that ends as it begins ("]~b]") can swallow the one behind it and leave the count as it was.
        self._shifting = tuple(s[: -len(b)] for s in self._strings if (b := _border(s)))

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(s[:n] for s in self._strings for n in range(1, len(s)))

    @cached_property
    def _endings(self) -> frozenset[str]:
        return frozenset(s[n:] for s in self._strings for n in range(1, len(s)))

    def _split(self, match: re.Match[str]) -> str:
        string = match[0]
        return string[0] + self.joiner + string[1:] if len(string) > 1 else "\ufffd"

    def whole(self, text: str) -> tuple[str, int]:
        """Break every special-token string. Returns the text and how many were broken."""
        broken = 0
        for _ in range(ROUNDS):  # strings may overlap: breaking one leaves the other
            text, n = self._whole.subn(self._split, text)
            broken += n
            if not n:
                break
        if self._shifting and text.rstrip().endswith(self._shifting):
            text, broken = _behind(text, self.joiner), broken + 1
        return text, broken

    def borders(self, text: str) -> tuple[str, int]:
        """`whole`, and keep both ends from completing a string together with the text around."""
        text, broken = self.whole(text)
        if self._may_begin_inside(text):
            text, broken = _before(text, self.joiner), broken + 1
        if self._may_end_inside(text):
            text, broken = _behind(text, self.joiner), broken + 1
        return text, broken

    def everywhere(self, text: str) -> tuple[str, int]:
        """`borders`, and separate every character that could begin a string from the next."""
        text, broken = self.borders(text)
        text, n = self._first.subn(lambda m: m[0] + self.joiner, text)
        return text, broken + n

    def without(self, text: str) -> str:
        """The text with other characters in place of those that could be part of a string; for comparison alone.

        Replaced, not separated: a template that removes invisible characters cannot undo it.
        """
        body = text.strip()
        first, last = self._may_begin_inside(text), self._may_end_inside(text)
        changed = self._first.sub(self._stand_in, body)
        if first:
            changed = self._stand_in + changed[1:]
        if last:
            changed = changed[:-1] + self._stand_in
        return text.replace(body, changed, 1) if body else text

    def _may_begin_inside(self, text: str) -> bool:
        return self._touches(text, self._endings, lambda t, n: t[:n])

    def _may_end_inside(self, text: str) -> bool:
        return self._touches(text, self._beginnings, lambda t, n: t[-n:])

    def _touches(self, text: str, pieces: frozenset[str], end: Callable[[str, int], str]) -> bool:
        """Whether an end of the text, with or without its spaces, is a piece, or all of the text is inside one."""
        if not (body := text.strip()):
            return False
        if len(body) < self._longest and any(body in string for string in self._strings):
            return True
        return any(end(t, n) in pieces for t in (body, text) for n in range(1, min(self._longest, len(t) + 1)))


def _before(text: str, joiner: str) -> str:
    space = text[: len(text) - len(text.lstrip())]
    return joiner + space + joiner + text[len(space) :] if space else joiner + text


def _behind(text: str, joiner: str) -> str:
    body = text.rstrip()
    return body + joiner + text[len(body) :] + joiner if len(body) < len(text) else text + joiner


def _border(string: str) -> str:
    """The longest proper beginning of a string that is also its end."""
    return next((string[:n] for n in range(len(string) - 1, 0, -1) if string.endswith(string[:n])), "")


def _any_of(strings: Sequence[str]) -> re.Pattern[str]:
    """A pattern that finds any of the strings, longest first, in one pass: a tree of their characters."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]  # a tree has no finite type
    for string in strings:
        node = tree
        for character in string:
            node = node.setdefault(character, {})
        node[""] = {}
    return re.compile(_pattern(tree) or r"(?!)")


def _pattern(tree: dict) -> str:  # type: ignore[type-arg]  # as above
    branches = []
    for character, node in tree.items():
        if character:
            run = character
            while len(node) == 1 and "" not in node:  # characters without a fork need no group
                (character, node), *_ = node.items()
                run += character
            branches.append(re.escape(run) + _pattern(node))
    if not branches:
        return ""
    body = branches[0] if len(branches) == 1 and "" not in tree else "(?:" + "|".join(branches) + ")"
    return body + "?" if "" in tree else body
