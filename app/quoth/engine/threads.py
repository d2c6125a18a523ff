"""How many threads compute: as many as there are cores, unless others want the cores too.

A token is some hundred short steps, and after each all threads wait for the slowest. Where a core is shared, the
others wait for it as long as it does something else: two programs that write at once on two cores with two threads
each got 1.3 tokens/s each where one alone gets 70, and 41 each since they notice (135M parameters). The number of
threads changes no bit of the results.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WINDOW = 0.2  # seconds that are looked at together
SHARED = 0.8  # of the time that all threads could have had: with less, others have the cores as well
BETTER = 0.95  # of the time of a token, or it is not worth a change
PATIENCE = (5.0, 60.0)  # seconds until all threads are tried again, at first and at most


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
        self._tokens = 0  # that are looked at together
        self._wall = self._had = 0.0  # seconds that these took and had
        self._slices = False  # whether they were read in slices: what one takes says nothing of one that is written
        self._before: float | None = None  # seconds a token with the other number, while one is tried
        self._other = most
        self._wait = 0.0  # seconds of computing until the next try
        self._patience = PATIENCE[0]
        self._warm = False  # the first tokens may wait for the disk

    @contextmanager
    def computing(self, tokens: int) -> Iterator[None]:
        """Around the computation of so many tokens at once."""
        wall, had = self._clock(), self._cpu()
        try:
            yield
        finally:
            if self._warm and not self._fixed:
                self._count(tokens, self._clock() - wall, self._cpu() - had)
            self._warm = True

    def _count(self, tokens: int, wall: float, had: float) -> None:
        if self._slices != (tokens > 1):
            self._slices = tokens > 1
            self._tokens, self._wall, self._had = 0, 0.0, 0.0
            if self._before is not None:
                self._give_up()
        self._tokens += tokens
        self._wall += wall
        self._had += had
        self._wait -= wall
        if self._wall < WINDOW:
            return
        seconds, share = self._wall / self._tokens, self._had / (self._wall * self.now)
        self._tokens, self._wall, self._had = 0, 0.0, 0.0
        if self._before is not None:
            self._judge(seconds)
        elif self._wait > 0:
            return
        elif share < SHARED and self.now > 1:
            self._try(max(1, min(self.now - 1, round(self.now * share))), seconds)
        elif self.now < self.most:
            self._try(self.most, seconds)

    def _try(self, threads: int, seconds: float) -> None:
        self._before, self._other, self.now = seconds, self.now, threads

    def _give_up(self) -> None:
        """A try that cannot be judged ends with the fewer threads; all are tried at once, unless that was the try."""
        if self.now == self.most:
            self._wait = self._patience
        self._before, self.now = None, min(self.now, self._other)

    def _judge(self, seconds: float) -> None:
        """Keep what was tried if it is better. Each time that all threads are not, the next try comes later."""
        assert self._before is not None
        better, all_tried = seconds < BETTER * self._before, self.now == self.most
        self._before = None
        if not better:
            self.now = self._other
        if better and all_tried:
            self._wait, self._patience = 0.0, PATIENCE[0]
        else:
            self._wait, self._patience = self._patience, min(PATIENCE[1], 2 * self._patience)
