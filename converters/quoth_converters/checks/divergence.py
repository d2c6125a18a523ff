"""How far the predictions of one model are from those of another over a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quoth_converters.formats.tensors import Floats

SAMPLE: Final = Path(__file__).with_name("sample.txt")  # Alice's Adventures in Wonderland (1865), its beginning
Doubles = npt.NDArray[np.float64]
Predictor = Callable[[list[int]], Iterator[Floats]]  # logits after each token of a text, in runs


def measured(base: Predictor, other: Predictor, ids: Sequence[int], n_ctx: int) -> dict[str, Any]:
    """Both perplexities, mean KL divergence (nats) of `other` from `base`, and how often both say the same token.

    The text goes in windows of `n_ctx` tokens, each begun anew; each token but a window's first is predicted.
    """
    losses = {"base": 0.0, "other": 0.0}
    divergence, same, count = 0.0, 0, 0
    for start in range(0, len(ids), n_ctx):
        window = list(ids[start : start + n_ctx])
        at = 0
        for one, two in zip(base(window), other(window), strict=True):
            targets = window[at + 1 : at + 1 + len(one)]
            at += len(one)
            p, q = log_probabilities(one[: len(targets)]), log_probabilities(two[: len(targets)])
            rows = np.arange(len(targets))
            losses["base"] -= float(p[rows, targets].sum())
            losses["other"] -= float(q[rows, targets].sum())
            divergence += float((np.exp(p) * (p - q)).sum())
            same += int((p.argmax(1) == q.argmax(1)).sum())
            count += len(targets)
    if not count:
        return {"tokens": 0}
    return {
        "tokens": count,
        "base": math.exp(losses["base"] / count),
        "perplexity": math.exp(losses["other"] / count),
        "divergence": divergence / count,
        "same": same / count,
    }


def log_probabilities(logits: Floats) -> Doubles:
    """The logarithms of the probabilities of each row."""
    wide = logits.astype(np.float64)
    wide -= wide.max(1, keepdims=True) if len(wide) else 0
    wide -= np.log(np.exp(wide).sum(1, keepdims=True))
    return wide
