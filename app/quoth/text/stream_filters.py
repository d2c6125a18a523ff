"""An answer as it comes, piece by piece: its stop strings, its thoughts, marks that it copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal


class StopStrings:
    """Ends a text before the first stop string, the one that is complete first; of two, the one that began first."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> tuple[str, bool]:
        """The text that may be shown, and whether a stop string was met."""
        if self.stopped:
            return "", True
        text = self._held + text
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self._held, self.stopped = "", True
            return text[: min(found)[1]], True
        shown = len(text) - _beginning(text, self._stops)
        self._held = text[shown:]
        return text[:shown], False

    def flush(self) -> str:
        """What was held back, when nothing more comes."""
        text, self._held = self._held, ""
        return text


def _beginning(text: str, marks: Sequence[str]) -> int:
    """Length of the longest end of `text` that begins one of `marks` without being all of it."""
    longest = max((len(mark) - 1 for mark in marks), default=0)
    for length in range(min(longest, len(text)), 0, -1):
        end = text[-length:]
        if any(mark.startswith(end) for mark in marks):
            return length
    return 0


class CopiedMarks:
    """Takes away the marks of a document where an answer copies them: one at its beginning, and the one that closes it.

    An answer that does not begin with the opening mark stays as it is, marks and all.
    """

    def __init__(self, open_mark: str, close_mark: str) -> None:
        self._open = open_mark
        self._close = close_mark
        self._state: Literal["start", "opened", "inside", "past"] = "start"
        self._held = ""

    def feed(self, text: str) -> str:
        """The text that may be shown."""
        self._held += text
        if self._state == "start":
            rest = self._held.lstrip()
            if rest.startswith(self._open):
                self._state, self._held = "opened", rest[len(self._open) :]
            elif self._open.startswith(rest):
                return ""
            else:
                self._state = "past"
        if self._state == "opened" and (rest := self._held.lstrip("\n")):
            self._state, self._held = "inside", rest
        if self._state == "inside" and self._close in self._held:
            before, _, after = self._held.partition(self._close)
            self._state, self._held = "past", before.rstrip("\n") + after
        return self._take()

    def _take(self) -> str:
        kept = 0
        if self._state == "opened":
            kept = len(self._held)
        elif self._state == "inside":
            kept = _beginning(self._held, ["\n" + self._close, self._close])
        shown, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return shown

    def flush(self) -> str:
        """What was held back, when nothing more comes."""
        text, self._held = self._held, ""
        return text


Part = tuple[Literal["thought", "answer"], str]


class Thinking:
    """Tells thoughts from the answer by the marks around them.

    An opening mark counts only where a thought can begin: before any of the answer but whitespace. An answer
    that speaks of the mark keeps it. Newlines straight after a closing mark are dropped, and so are the headers
    `drop` where an answer begins.
    """

    def __init__(self, open_mark: str, close_mark: str, inside: bool = False, drop: Sequence[str] = ()) -> None:
        self._open = open_mark if close_mark else ""
        self._close = close_mark
        self._drop = tuple(drop)
        self._state: Literal["start", "thought", "answer"] = "start" if self._open or drop else "answer"
        if inside and close_mark:
            self._state = "thought"
        self._dropping = False  # newlines after a closing mark
        self._held = ""

    def feed(self, text: str) -> list[Part]:
        self._held += text
        parts: list[Part] = []
        if self._state == "start":
            self._begin()
        while self._state == "thought" and self._close in self._held:
            thought, self._held = self._held.split(self._close, 1)
            parts.append(("thought", thought))
            self._state, self._dropping = "start", True
            self._begin()
        if self._state == "thought":
            shown = len(self._held) - _beginning(self._held, [self._close])
            parts.append(("thought", self._held[:shown]))
            self._held = self._held[shown:]
        elif self._state == "answer":
            parts.append(("answer", self._held))
            self._held = ""
        return [part for part in parts if part[1]]

    def flush(self) -> list[Part]:
        """What was held back, when nothing more comes."""
        text, self._held = self._held, ""
        kind: Literal["thought", "answer"] = "thought" if self._state == "thought" else "answer"
        return [(kind, text)] if text else []

    def _begin(self) -> None:
        """Decide whether a thought or the answer begins, as soon as the text says so."""
        while True:
            if self._dropping:
                self._held = self._held.lstrip("\n")
                self._dropping = not self._held
            rest = self._held.lstrip()
            header = next((header for header in self._drop if rest.startswith(header)), None)
            if header is None:
                break
            self._held, self._dropping = rest[len(header) :], True
        if self._open and rest.startswith(self._open):
            self._state, self._held = "thought", rest[len(self._open) :]
        elif rest and not any(mark.startswith(rest) for mark in (self._open, *self._drop)):
            self._state = "answer"
