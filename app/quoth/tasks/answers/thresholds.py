"""What a model's yes must be worth. Found by `python -m tests.bench answers` on the development questions."""

from __future__ import annotations

from math import inf
from typing import NamedTuple


class Thresholds(NamedTuple):
    """Natural logarithms of odds, as of tasks.yes_no."""

    stretch: float  # that a stretch has the answer, from which no other is looked for
    passages: float  # that the passages say the answer, or nothing is written
    answer: float  # that an answer is right: Attempt.sure


NEVER = Thresholds(inf, inf, inf)  # a model that is not asked
