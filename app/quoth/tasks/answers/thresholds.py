"""What a model's yes must be worth. Found by `python -m tests.bench answers` on the development questions."""

from __future__ import annotations

from typing import NamedTuple


class Thresholds(NamedTuple):
    """Natural logarithms of odds, as of tasks.yes_no."""

    passages: float  # that the passages say the answer, or nothing is written
    sure: float  # the passages' odds and those of the cited sentences, together: no more is read
    enough: float  # the same, of the best answer when all is read that there is time for
