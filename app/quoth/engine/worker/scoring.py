"""Scoring a text: the probability of each of its tokens, from slices that are read as those of any prompt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from quoth.engine import Reading, Scored, TokenLogprob, Usage
from quoth.engine.worker.kv_cache import Cancelled, KVCache
from quoth.engine.worker.sampling import token_logprob
from quoth.native import Vocabulary


class PreparedScoring(NamedTuple):
    """A text after its input, both as tokens, known to fit."""

    tokens: list[int]
    begins: int  # the first token of the text
    top: int
    broken: int = 0

    @property
    def read(self) -> list[int]:
        """The tokens that must be computed: all but the last."""
        return self.tokens[:-1]

    @property
    def first(self) -> int:
        """The first token with a probability: one with a token before it."""
        return max(1, self.begins)


def score_text(
    number: int,
    item: PreparedScoring,
    cache: KVCache,
    vocabulary: Vocabulary,
    *,
    room: int,
    check: Callable[[], None],
    stop: Callable[[], bool],
) -> Iterator[Reading | Scored]:
    """Read what was not read yet, and look up each token of the text in the logits before it. Raises Cancelled.

    `check` is called after each slice and raises where the logits are not numbers; `room` is as for KVCache.rewind.
    A slice's logits exist at once, 4 bytes for each of its tokens and of the vocabulary's, and one row is looked at
    at a time.
    """
    begun, read, logits_from = time.monotonic(), item.read, item.first - 1
    logprobs: list[TokenLogprob] = []
    reused = 0
    if item.first < len(item.tokens):
        reused = start = cache.rewind(read, room, logits_from)
        yield Reading(number, reused, len(read))
        for end in cache.read(read, stop, logits_from):
            check()
            for position in range(max(start, logits_from), end):
                if stop():
                    raise Cancelled
                row = cache.context.logits(position - start)
                logprobs.append(token_logprob(row, vocabulary, item.tokens[position + 1], item.top))
            yield Reading(number, end, len(read))
            start = end
    yield Scored(number, tuple(logprobs), Usage(len(item.tokens), reused, read_seconds=time.monotonic() - begun))
