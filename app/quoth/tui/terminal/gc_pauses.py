"""When the garbage collector runs: a full collection of some 100,000 objects stops the screen for 100 ms."""

from __future__ import annotations

import gc

YOUNG = 5_000  # objects more than before, then only the young ones are looked at
NEVER = 1_000_000


def after_first_paint() -> None:
    """Collect young objects by themselves, all of them only when a caller does; what is there now stays for good."""
    gc.freeze()
    gc.set_threshold(YOUNG, 5, NEVER)
    gc.enable()
