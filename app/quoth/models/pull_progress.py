"""How far a pull is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stage = Literal["looking", "downloading", "converting", "verifying", "quantizing", "trying", "installing"]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a pull is: bytes done of a total (None: not known), and a sentence if there is something to say."""

    stage: Stage
    done: int = 0
    total: int | None = None
    detail: str = ""
    left: float | None = None  # seconds, once the first megabytes have told
