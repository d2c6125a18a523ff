"""What comes from the keyboard's side of a terminal, taken apart: keys for the parser, pastes whole.

A parser that looks at one character at a time needs minutes for a megabyte; pastes are found in the bytes here.
Bracketed paste: xterm's control sequences, mode 2004. Times are passed in, in seconds of time.monotonic.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass

START, END = b"\x1b[200~", b"\x1b[201~"
PASTE_LIMIT = 64 << 20
"""The most bytes of a bracketed paste, or characters of a burst; what is more is dropped and counted."""

PASTE_SILENCE = 2.0  # a paste whose end has not come for so long has ended
BURST = 256
"""So many characters at once are not typed: a terminal without bracketed paste pastes."""

BURST_SILENCE = 0.05
IDLE, BUSY, ALERT = 0.1, 0.02, 0.2  # seconds between looks, when nothing came, and while the last came so recently

_PLAIN = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # no control but tab, newline and return
_RUN = re.compile(rf"{_PLAIN}{{{BURST},}}")
_MORE = re.compile(rf"{_PLAIN}*")


@dataclass(frozen=True, slots=True)
class Pasted:
    """A paste, and how much of it was dropped (bytes of a bracketed one, else characters)."""

    text: str
    dropped: int = 0


class TerminalInput:
    """Bytes in; text for a key parser and pastes out. The parser gets the marks of a paste too, with nothing between.

    Nothing is held back but a cut UTF-8 sequence and pastes: no key waits. Invalid UTF-8 becomes U+FFFD.
    """

    def __init__(self, limit: int = PASTE_LIMIT) -> None:
        self._limit = limit
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._tail = b""  # of what was given out: a mark may have begun there
        self._paste: bytearray | None = None
        self._burst: list[str] = []
        self._size = 0  # of the burst
        self._dropped = 0
        self._last = 0.0

    def wait(self, now: float) -> float:
        """How long to wait for bytes before `tick`, in seconds."""
        return BUSY if self._burst or now - self._last < ALERT else IDLE

    def feed(self, data: bytes, now: float) -> Iterator[str | Pasted]:
        self._last = now
        while data:
            if self._paste is None:
                before, data = self._before_paste(data)
                yield from self._typed(self._decode(before))
            else:
                looked = max(0, len(self._paste) - len(END))
                self._paste += data
                at = self._paste.find(END, looked)
                if at < 0:
                    self._trim_paste()
                    return
                data = bytes(self._paste[at + len(END) :])
                del self._paste[at:]
                yield from self._end_paste()

    def tick(self, now: float) -> Iterator[str | Pasted]:
        """What silence ends."""
        if self._burst and now - self._last >= BURST_SILENCE:
            yield self._end_burst()
        if self._paste is not None and now - self._last >= PASTE_SILENCE:
            yield from self._end_paste()

    def _before_paste(self, data: bytes) -> tuple[bytes, bytes]:
        """The bytes up to and with the mark that begins a paste, and those after it."""
        seen = self._tail + data
        at = seen.find(START)
        if at < 0:
            self._tail = seen[1 - len(START) :]
            return data, b""
        cut = at + len(START) - len(self._tail)
        self._tail, self._paste = b"", bytearray()
        return data[:cut], data[cut:]

    def _trim_paste(self) -> None:
        assert self._paste is not None
        surplus = len(self._paste) - self._limit - len(END)  # the end of it may begin the mark
        if surplus > 1 << 16:
            del self._paste[self._limit : self._limit + surplus]
            self._dropped += surplus

    def _end_paste(self) -> Iterator[str | Pasted]:
        assert self._paste is not None
        kept, dropped = self._paste[: self._limit], self._dropped + max(0, len(self._paste) - self._limit)
        self._paste, self._dropped = None, 0
        yield END.decode()
        yield Pasted(kept.decode("utf-8", "replace"), dropped)

    def _typed(self, text: str) -> Iterator[str | Pasted]:
        if self._burst:
            more = _MORE.match(text)
            assert more is not None  # it matches nothing, too
            self._add_to_burst(more[0])
            text = text[more.end() :]
            if text:
                yield self._end_burst()
        at = 0
        for run in _RUN.finditer(text):
            if run.start() > at:
                yield text[at : run.start()]
            at = run.end()
            self._add_to_burst(run[0])
            if at < len(text):
                yield self._end_burst()
        if at < len(text):
            yield text[at:]

    def _add_to_burst(self, text: str) -> None:
        kept = text[: max(0, self._limit - self._size)]
        self._burst.append(kept)
        self._size += len(kept)
        self._dropped += len(text) - len(kept)

    def _end_burst(self) -> Pasted:
        pasted = Pasted("".join(self._burst), self._dropped)
        self._burst, self._size, self._dropped = [], 0, 0
        return pasted
