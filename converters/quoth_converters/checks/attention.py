"""Rotary positions and causal attention in numpy, for the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quoth_converters.formats.tensors import Array, Floats


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions over the first `dimensions` of a head. Source: ggml's rope, RoFormer (arXiv 2104.09864)."""

    dimensions: int
    base: float
    factor: float  # positions are divided by it
    halves: bool  # a pair is i and i + dimensions/2 (neox); else 2i and 2i + 1
    frequency_factors: Floats | None = None

    def turned(self, x: Floats, positions: Array) -> Floats:
        """Queries or keys [tokens, heads, head size], each turned by its position."""
        half = self.dimensions // 2
        frequencies = self.base ** (-np.arange(half, dtype=np.float64) / half)
        if self.frequency_factors is not None:
            frequencies = frequencies / self.frequency_factors
        angles = positions[:, None].astype(np.float64) / self.factor * frequencies
        cos, sin = np.cos(angles)[:, None].astype(np.float32), np.sin(angles)[:, None].astype(np.float32)
        first, second = slice(0, half), slice(half, 2 * half)
        if not self.halves:
            first, second = slice(0, 2 * half, 2), slice(1, 2 * half, 2)
        y = x.copy()
        y[..., first] = x[..., first] * cos - x[..., second] * sin
        y[..., second] = x[..., first] * sin + x[..., second] * cos
        return y


def attend(q: Floats, k: Floats, v: Floats) -> Floats:
    """Causal attention: q [tokens, heads, size], k and v [tokens, kv heads, size]."""
    tokens, heads, size = q.shape
    groups = heads // k.shape[1]
    grouped = q.reshape(tokens, k.shape[1], groups, size).transpose(1, 2, 0, 3)
    scores = grouped @ k.transpose(1, 2, 0)[:, None] / np.float32(np.sqrt(size))  # [kv heads, groups, tokens, tokens]
    scores[..., ~np.tri(tokens, dtype=bool)] = -np.inf
    scores -= scores.max(-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(-1, keepdims=True, dtype=np.float64).astype(np.float32)
    out: Floats = (weights @ v.transpose(1, 0, 2)[:, None]).transpose(2, 0, 1, 3).reshape(tokens, -1)
    return out
