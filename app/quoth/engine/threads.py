"""How many threads write: as many as there are cores, unless others want the cores too.

To write a token is some hundred short steps, and after each all threads wait for the slowest. Where a core is shared,
the others wait for it as long as it does something else: two programs that write at once on two cores with two threads
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
    """Counts the processor's time while tokens are written; tries fewer threads, or all again, and keeps the faster."""

    def __init__(
        self,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        """`cpu` gives the seconds that all threads of this process have had together."""
        self.most = self.now = most
        self._clock = clock
        self._cpu = cpu
        self._tokens = 0
        self._wall = self._had = 0.0
        self._before: float | None = None  # seconds a token with the other number, while one is tried
        self._other = most
        self._wait = 0.0  # seconds of writing until the next try
        self._patience = PATIENCE[0]
        self._warm = False  # the first token may wait for the disk

    @contextmanager
    def token(self) -> Iterator[None]:
        """Around the computation of one token."""
        wall, had = self._clock(), self._cpu()
        try:
            yield
        finally:
            if self._warm:
                self._count(self._clock() - wall, self._cpu() - had)
            self._warm = True

    def _count(self, wall: float, had: float) -> None:
        self._tokens += 1
        self._wall += wall
        self._had += had
        self._wait -= wall
        if self._wall < WINDOW or self.most == 1:
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
