"""An answer that has begun to repeat itself: it is told from a list or a table by how often it says the same."""

from __future__ import annotations

import re
from collections import deque

LONGEST_CYCLE = 192  # tokens: a paragraph, or several lines
SHOWN = 24  # tokens, and at least FEW times: so much of a repetition is an answer like any other
FEW = 4
MANY, AT_LEAST, AT_MOST, SURELY = 128, 256, 512, 6
NUMBER = -1  # stands for digits in a row, whatever the number; no token has this id
_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]")


def fill(period: int) -> int:
    """How many tokens a cycle of `period` tokens fills when it is a loop.

    A hundred lines of "0" may have been asked for, and so may a table of equal rows: MANY times is a loop, or AT_MOST
    tokens of it. Of a long cycle SURELY times is enough.
    """
    return max(AT_LEAST, min(MANY * period, AT_MOST), SURELY * period)


def shown(period: int) -> int:
    """How many tokens of a cycle are shown before one waits whether it ends: whole cycles."""
    return period * max(FEW, -(-SHOWN // period))


class Cycles:
    """The cycles, of at most LONGEST_CYCLE tokens, that the last tokens are made of."""

    def __init__(self) -> None:
        self._recent = deque([-2] * LONGEST_CYCLE, LONGEST_CYCLE)  # token ids, the last one first
        self._filled: dict[int, int] = {}  # by period: tokens filled by its cycle

    def feed(self, token: int) -> dict[int, int]:
        """By period, how many tokens its cycle has filled so far, this one included."""
        before = self._filled
        self._filled = {
            period: before.get(period, period) + 1 for period, earlier in enumerate(self._recent, 1) if earlier == token
        }
        self._recent.appendleft(token)
        return self._filled


class LoopDetector:
    """Says whether an answer repeats itself (`repeating`) and when that is a loop.

    Lines that differ in their numbers alone ("11. yes", "12. yes") are a loop too, after twice as much: data for a
    test look like that. Numbers without a word are counting, and no loop.
    """

    def __init__(self) -> None:
        self.repeating = False  # a few times already, and still
        self._cycles = Cycles()
        self._numbered = Cycles()  # of tokens in which every number is NUMBER
        self._in_number = False
        self._wordless = 0  # numbers and tokens since the last with a letter

    def feed(self, token: int, piece: bytes) -> bool:
        """Whether the answer is in a loop with this token; `piece` is its text."""
        filled = self._cycles.feed(token)
        self.repeating = any(tokens >= shown(period) for period, tokens in filled.items())
        return any(tokens >= fill(period) for period, tokens in filled.items()) or self._counts_up(token, piece)

    def _counts_up(self, token: int, piece: bytes) -> bool:
        is_number = piece.strip().isdigit()
        in_number, self._in_number = self._in_number, is_number
        if in_number and is_number:
            return False
        self._wordless = 0 if _LETTERS.search(piece) else self._wordless + 1
        filled = self._numbered.feed(NUMBER if is_number else token)
        return any(tokens >= 2 * fill(period) and period > self._wordless for period, tokens in filled.items())
