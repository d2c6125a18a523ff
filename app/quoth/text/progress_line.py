"""How far a long step is, in one line and with the time that is left."""

from __future__ import annotations

from collections.abc import Callable

from quoth.text.units import counted, format_duration


class ProgressLine:
    """The line of the step at hand. `clock` says seconds; `began` is when the step did."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step = ("", 0, "")
        self._first = 0  # what was done before
        self.began = 0.0
        self.moved = False  # since the step began

    def line(self, verb: str, done: int, total: int, unit: str, what: str = "") -> str:
        """ "reading 1,024 of 4,096 tokens · 12 s left", "reading 1 passage"; `what` names the one at hand."""
        now = self._clock()
        if (verb, total, unit) != self._step:
            self._step, self.began, self._first = (verb, total, unit), now, done
        self.moved = done > self._first
        elapsed, left = now - self.began, ""
        if self.moved and elapsed > 0:
            seconds = round((total - done) * elapsed / (done - self._first))
            left = f" · {format_duration(seconds)} left" if seconds > 0 else ""
        some = f"{done:,} of {total:,} {unit}" if total != 1 else counted(total, unit)
        return f"{verb} {some}{left}{f' · {what}' if what else ''}"
