"""How far a pull is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["looking", "downloading", "converting", "verifying", "quantizing", "trying", "installing"]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """Bytes done of a total (None: not known), and a sentence if there is something to say."""

    stage: Stage
    done: int = 0
    total: int | None = None
    detail: str = ""
    seconds_left: float | None = None  # once the rate is known
