"""How many threads compute: one a core, unless other programs use the cores too.

A token is some hundred short steps, and after each all threads wait for the slowest. Where a core is shared, the
others wait for it as long as it does something else: two programs that write at once on two cores with two threads
each got 1.3 tokens/s each where one alone gets 70, and 41 each with this (135M parameters). The number of
threads changes no bit of the results.
"""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW = 0.2  # seconds that are looked at together
SHARED = 0.8  # of the time that all threads could have had: with less, others have the cores as well
BETTER = 0.95  # of the time of a token, or it is not worth a change
OTHERS = 0.7  # cores that other programs use: with less it is this program's own beginning that is seen
PAUSES = (5.0, 60.0)  # seconds of computing from one try to the next, at first and at most


class _Window:
    """Tokens judged together, the seconds that they took, and the processor time that they had."""

    __slots__ = ("had", "tokens", "wall")

    def __init__(self) -> None:
        self.tokens = 0
        self.wall = self.had = 0.0


class Threads:
    """Counts the processor's time while it computes; tries fewer threads, or all again, and keeps what is faster."""

    def __init__(
        self,
        most: int,
        *,
        fixed: bool = False,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        """`fixed`: always so many. `cpu` gives the seconds that all threads of this process have had together."""
        self.most = self.now = most
        self._fixed = fixed or most == 1
        self._clock = clock
        self._cpu = cpu
        self._windows = (_Window(), _Window())  # of single tokens, and of slices: neither says how long the other takes
        self._before: float | None = None  # seconds a token with the other number, while one is tried
        self._other = most
        self._tried_in = 0  # the window that judges
        self._fewer_last = False
        self._wait = 0.0  # seconds of computing until the next try
        self._pause = PAUSES[0]
        self._warm = False  # the first tokens may wait for the disk

    def leave(self, cores: float) -> None:
        """Begin with fewer where other programs use so many cores: the first slice may take seconds."""
        if not self._fixed and cores >= OTHERS:
            self.now, self._wait = max(1, self.most - round(cores)), PAUSES[0]

    def begin(self) -> tuple[float, float]:
        """Before a computation; `done` takes what this returns."""
        return self._clock(), self._cpu()

    def done(self, tokens: int, began: tuple[float, float]) -> None:
        """After tokens were computed at once; not after a stop or a failure."""
        wall, had = self._clock() - began[0], self._cpu() - began[1]
        if self._warm and not self._fixed:
            self._count(tokens, wall, had)
        self._warm = True

    def _count(self, tokens: int, wall: float, had: float) -> None:
        which = int(tokens > 1)
        window = self._windows[which]
        window.tokens += tokens
        window.wall += wall
        window.had += had
        self._wait -= wall
        if window.wall < WINDOW:
            return
        seconds, share = window.wall / window.tokens, window.had / (window.wall * self.now)
        window.tokens, window.wall, window.had = 0, 0.0, 0.0
        if self._before is not None:
            self._judge(seconds if which == self._tried_in else None)
        elif self._wait <= 0:
            self._try(seconds, share, which)

    def _try(self, seconds: float, share: float, which: int) -> None:
        """Try fewer threads where the cores are shared, or all again; where both are possible, in turn."""
        below = self.now < self.most
        fewer = share < SHARED and self.now > 1 and not (below and self._fewer_last)
        if fewer or below:
            self._before, self._other, self._tried_in, self._fewer_last = seconds, self.now, which, fewer
            self._set(max(1, min(self.now - 1, round(self.now * share))) if fewer else self.most)

    def _judge(self, seconds: float | None) -> None:
        """Keep what was tried if it is better. Each time that all threads are not, the next try comes later."""
        assert self._before is not None
        before, all_tried, self._before = self._before, self.now == self.most, None
        if seconds is None:  # by now something else is computed
            self._set(self._other)
            return
        better = seconds < BETTER * before
        if not better:
            self._set(self._other)
        if better and all_tried:
            self._wait, self._pause = 0.0, PAUSES[0]
        else:
            self._wait, self._pause = self._pause, min(PAUSES[1], 2 * self._pause)

    def _set(self, threads: int) -> None:
        self.now = threads
        self._windows = (_Window(), _Window())
