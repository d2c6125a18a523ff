"""The sampler chain of one request, from llama.cpp's samplers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from quoth.engine import Sampling, TokenLogprob
from quoth.errors import UsageError
from quoth.native import Chain, LlamaModel, NativeError, Vocabulary, grammar_of_schema


def build_chain(sampling: Sampling, model: LlamaModel, prompt: Sequence[int] = ()) -> Chain:
    """Suppressed tokens and biases, penalties, grammar, truncation, temperature, choice: llama.cpp's usual order.

    Penalties count the tokens of the prompt too, as llama.cpp's programs do.
    Raises UsageError when the grammar does not parse or the schema cannot be expressed.
    """
    vocabulary = model.vocabulary
    chain = Chain(vocabulary)
    bias = [*((token, -math.inf) for token in vocabulary.suppressed()), *sampling.logit_bias]
    if bias:
        chain.add_logit_bias(bias)
    penalties = sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty
    if penalties != (1.0, 0.0, 0.0):
        last_n = sampling.repeat_last_n if sampling.repeat_last_n >= 0 else model.n_ctx_train
        chain.add("penalties", vocabulary.n_tokens, last_n, *penalties)
        chain.accept(prompt[-last_n:] if last_n else ())
    try:
        _add_grammar(chain, sampling)
    except (NativeError, UsageError):
        chain.close()
        raise
    if sampling.temperature <= 0:
        chain.add("greedy")
        return chain
    chain.add("top_k", sampling.top_k)
    chain.add("top_p", sampling.top_p, 1)
    chain.add("min_p", sampling.min_p, 1)
    chain.add("temp", sampling.temperature)
    chain.add("dist", sampling.seed & 0xFFFFFFFF)
    return chain


def _add_grammar(chain: Chain, sampling: Sampling) -> None:
    grammar = sampling.grammar
    if sampling.schema is not None:
        try:
            grammar = grammar_of_schema(sampling.schema)
        except ValueError as error:
            raise UsageError("the schema cannot be turned into a grammar", str(error), "Use a simpler schema") from None
    if grammar is None:
        return
    try:
        chain.add_grammar(grammar)
    except NativeError as error:
        raise UsageError("the grammar does not parse", str(error), "It must be GBNF with a rule called root") from None


NEAR = 6.0  # natural-log units below the best logit: usually some dozen tokens are in there


def token_logprob(row: Any, vocabulary: Vocabulary, token: int, top: int) -> TokenLogprob:
    """Natural-log probability of a token by a row of logits (float32, one a token), with `top` alternatives."""
    import numpy

    logits: Any = numpy.frombuffer(row, dtype=numpy.float32)
    peak = float(logits.max())
    norm = peak + math.log(float(numpy.exp(logits - numpy.float32(peak)).sum(dtype=numpy.float64)))
    ranked: list[int] = []
    if top > 0:
        likely: Any = numpy.flatnonzero(logits > peak - NEAR)  # far cheaper than to order a whole vocabulary
        best: Any = likely if len(likely) >= top else numpy.argpartition(logits, -min(top, len(logits)))[-top:]
        ranked = [int(i) for i in best[numpy.argsort(-logits[best], kind="stable")][:top]]

    def text(i: int) -> str:
        return vocabulary.piece(i, special=True).decode("utf-8", "replace")

    return TokenLogprob(
        text(token), token, float(logits[token]) - norm, tuple((text(i), i, float(logits[i]) - norm) for i in ranked)
    )
