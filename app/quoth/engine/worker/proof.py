"""The proof of a way of computing: a batch of tokens must give what the same tokens give in small steps.

It finds what cannot be seen from outside: invalid numbers, and kernels that compute something else for many tokens
than for one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from statistics import median

from quoth.engine.ladder import Finding, Unproved
from quoth.native import Abort, Context, LlamaModel, NativeError

BATCH = 64  # tokens
COMPARED = 3  # positions whose logits are compared: the ends of the last steps
# NMSE over the variance of the logits, the median of those positions. Two ways that are both right differ by up to
# 0.014: 135M parameters at 13 quantizations (the most at Q3_K_M), 0.5B and 1.5B at Q4_K_M, each with and without extra
# buffers, one thread and two, steps of 1, 16 and halves (python -m tests.bench proof). Nonsense differs by 1 and more.
TOLERANCE = 0.1
SLOWER = 10  # a step that takes so many times as long as the whole batch hangs
# Ordinary prose: one word again and again is nothing that a model was trained on.
TEXT = (
    "A language model reads a text and says what comes next. It was trained on books, letters, programs and pages of "
    "every kind, and it knows none of them by heart. Asked for the year of a battle, it gives a number that looks like "
    "one; asked for a poem, it gives lines of the right length. Check what it says, and keep what is good. "
)

Logits = tuple[float, ...]


def prove(
    model: LlamaModel,
    *,
    threads: int,
    on_gpu: bool,
    abort: Abort,
    allow: Callable[[float], None] = lambda seconds: None,
) -> Finding:
    """Compute a text in one batch and in steps that halve, and compare. Raises Unproved.

    `allow` is told before a step how many seconds it may take.
    """
    tokens = proof_tokens(model)
    try:
        context = Context(model, n_ctx=BATCH, n_batch=BATCH, threads=threads, abort=abort, on_gpu=on_gpu)
        try:
            return _prove(context, tokens, allow)
        finally:
            context.close()
    except NativeError as error:
        raise Unproved(str(error)) from None


def proof_tokens(model: LlamaModel) -> list[int]:
    """A batch of tokens, or as many as the model reads: those of the text, or else the first of the vocabulary."""
    vocabulary = model.vocabulary
    tokens = vocabulary.tokenize(TEXT, special=False, bos=vocabulary.add_bos) or [*range(vocabulary.n_tokens)]
    most = max(1, min(BATCH, model.n_ctx_train))
    return (tokens * (1 + most // len(tokens)))[:most]


def steps(n: int) -> Iterator[int]:
    """Sizes that halve and make n together; the last is one token alone: 64 is 32, 16, 8, 4, 2, 1, 1."""
    while n:
        yield (size := max(1, n // 2))
        n -= size


def _prove(context: Context, tokens: Sequence[int], allow: Callable[[float], None]) -> Finding:
    ends = [*accumulate(steps(len(tokens)))]
    compared = [end - 1 for end in ends[-COMPARED:]]
    batch = _seconds(context, tokens, 0, len(tokens) - compared[0])  # weights may still come from the disk
    whole = [_logits(context, position) for position in compared]
    context.clear()
    stepped, start = list[Logits](), 0
    for end in ends:
        allow(SLOWER * batch)
        alone = _seconds(context, tokens[start:end], start, 1)
        if end - 1 in compared:
            stepped.append(_logits(context, end - 1 - start))
        start = end
    noise = median(nmse(step, row) for step, row in zip(stepped, whole, strict=True))
    if noise > TOLERANCE:
        raise Unproved(f"nonsense: NMSE {noise:.2g}")
    return Finding(noise=noise, read=len(tokens) / batch, write=1 / alone)


def _seconds(context: Context, tokens: Sequence[int], position: int, logits_of: int) -> float:
    """How long some tokens take to compute. Raises Unproved where they cannot be computed."""
    begun = time.perf_counter()
    code = context.decode(tokens, position, logits_of)
    if code:
        raise Unproved(f"llama_decode returned {code}")
    return time.perf_counter() - begun


def _logits(context: Context, index: int) -> Logits:
    """The logits of a token of the last step. Raises Unproved where they are not numbers."""
    logits = tuple(context.logits(index))
    if not all(map(math.isfinite, logits)):
        raise Unproved("invalid numbers")
    return logits


def nmse(found: Logits, expected: Logits) -> float:
    """The mean squared difference over the variance of what was expected; 0 for what is the same."""
    distance = math.dist(found, expected)
    mean = math.fsum(expected) / len(expected)
    spread = math.dist(expected, (mean,) * len(expected))
    return (distance / spread) ** 2 if spread else (math.inf if distance else 0.0)
