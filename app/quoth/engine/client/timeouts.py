"""How long the client waits for its worker before it ends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quoth.chat import Message
from quoth.engine.memory_needs import SLOWEST_DISK

SLOWEST_TOKENISER = 50e3  # characters a second in one native call, which says nothing meanwhile


class Timeouts(NamedTuple):
    """In seconds; and how often a worker may die."""

    hung: float = 60.0  # without an answer
    driver: float = 20.0  # a GPU's driver starts
    kernels: float = 60.0  # a GPU's driver compiles what it runs at the first use
    proof: float = 5.0  # a step of a proof, beyond what the worker expects it to take
    stop: float = 2.0  # from a stop to its answer
    deaths: int = 2  # within `window`, then the model is not started again
    window: float = 300.0

    def of(self, step: str, size: int) -> float:
        """How long the worker may say nothing in a step of loading a file of `size` bytes."""
        known = {"driver": self.driver, "kernels": self.kernels, "proof": self.proof}
        return known.get(step, max(self.hung, size / SLOWEST_DISK))

    def to_read(self, inputs: Sequence[str | Sequence[Message]]) -> float:
        """How long the worker may say nothing while it tokenizes these inputs."""
        texts = (i if isinstance(i, str) else "".join(m.text for m in i) for i in inputs)
        return self.hung + sum(map(len, texts)) / SLOWEST_TOKENISER
