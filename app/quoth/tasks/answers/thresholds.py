"""What a model's yes must be worth. Found by `python -m tests.bench answers` on the development questions."""

from __future__ import annotations

from typing import NamedTuple


class Thresholds(NamedTuple):
    """Natural logarithms of odds, as of tasks.yes_no."""

    passages: float  # that the passages say the answer, or nothing is written
    answer: float  # that an answer is right: Attempt.sure
