"""Rotary positions: what the settings of transformers say, as llama.cpp's keys, frequencies and order of rows.

Kinds: transformers' modeling_rope_utils.py; llama.cpp's llama-context.cpp (yarn) and ggml_rope_ext (linear, factors).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from quoth.errors import ModelError, escaped
from quoth_converters.families.family import MAX_CONTEXT, integer, real
from quoth_converters.families.tensor_map import Change
from quoth_converters.spec import Fill, Fuse, Permute, Rows, Scalar, Shape, TensorSpec, Value

_YARN_BETAS: Final = (("beta_fast", 32), ("beta_slow", 1))  # llama.cpp reads others for few architectures
_REASONS: Final = {
    "longrope": "llama.cpp chooses between its two tables by the size of the context, transformers by the text's length"
}


@dataclass(frozen=True, slots=True)
class Rope:
    """Keys of the architecture, and the divisor of each pair's frequency (llama.cpp's rope_freqs.weight)."""

    keys: Mapping[str, Scalar]
    factors: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    def tensors(self) -> tuple[TensorSpec, ...]:
        """The table of divisors, where there is one."""
        if not self.factors:
            return ()
        parts = tuple(Fill((1,), factor) for factor in self.factors)
        return (TensorSpec("rope_freqs.weight", (len(self.factors),), Fuse(parts)),)


def rope_of(config: Mapping[str, Any], rotated: int, n_ctx: int, *, table: bool = False) -> Rope:
    """The rotation of `rotated` dimensions of a head; `table`: whether the architecture has rope_freqs.weight."""
    settings = settings_of(config)
    if rotated < 2 or rotated % 2:
        raise ModelError(f"the settings say that {rotated} dimensions of a head are rotated", "they come in pairs")
    keys: dict[str, Scalar] = {
        "rope.dimension_count": rotated,
        "rope.freq_base": real({"rope_theta": 10000.0, **settings}, "rope_theta", 10000.0),
    }
    kind = settings.get("rope_type") or settings.get("type") or "default"
    match kind:
        case "default":
            return Rope(keys)
        case "linear":
            factor = real(settings, "factor", math.nan)
            return Rope({**keys, "rope.scaling.type": "linear", "rope.scaling.factor": factor})
        case "yarn":
            return Rope({**keys, **_yarn(config, settings, n_ctx)})
        case "dynamic":  # stretches only what is longer than the context
            return Rope(keys, notes=(f"its positions are stretched beyond {n_ctx:,} tokens; the context ends there",))
        case "llama3" if table:
            return Rope(keys, _llama3(config, settings, rotated, n_ctx))
    why = _REASONS.get(str(kind), "this architecture of llama.cpp has no such scaling")
    raise ModelError(f"its positions are scaled by {escaped(kind)}", why)


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """`rope_parameters` as transformers 5 writes them, or `rope_theta` and `rope_scaling` as older ones do."""
    found: dict[str, Any] = {}
    for name in ("rope_theta", "rotary_emb_base"):
        if config.get(name) is not None:
            found["rope_theta"] = config[name]
    for name in ("rope_scaling", "rope_parameters"):
        value = config.get(name)
        if value is not None and not isinstance(value, dict):
            raise ModelError(f"the settings say {name} is {escaped(value)}", "it must be an object")
        found.update({key: inner for key, inner in (value or {}).items() if inner is not None})
    return found


def _original(config: Mapping[str, Any], settings: Mapping[str, Any], n_ctx: int) -> int:
    """The context before it was stretched."""
    name = "original_max_position_embeddings"
    found = settings.get(name, config.get(name))
    return integer({name: n_ctx if found is None else found}, name, most=MAX_CONTEXT)


def _yarn(config: Mapping[str, Any], settings: Mapping[str, Any], n_ctx: int) -> dict[str, Scalar]:
    for name, usual in _YARN_BETAS:
        if settings.get(name, usual) not in (usual, 0):
            why = f"{name} is {escaped(settings[name])}, and llama.cpp has {usual}"
            raise ModelError("its positions are scaled by yarn with unusual settings", why)
    if settings.get("truncate") is False:
        raise ModelError("its positions are scaled by yarn without rounding", "llama.cpp rounds")
    factor = real(settings, "factor", math.nan)
    keys: dict[str, Scalar] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": factor,
        "rope.scaling.original_context_length": _original(config, settings, n_ctx),
    }
    wanted = _magnitude(settings, factor) / _mscale(factor)
    return keys if math.isclose(wanted, 1) else {**keys, "rope.scaling.attn_factor": wanted}


def _magnitude(settings: Mapping[str, Any], factor: float) -> float:
    """The factor of the rotated values."""
    if settings.get("attention_factor") is not None:
        return real(settings, "attention_factor", 1.0)
    if settings.get("mscale") and settings.get("mscale_all_dim"):
        above, below = real(settings, "mscale", 1.0), real(settings, "mscale_all_dim", 1.0)
        return _mscale(factor, above) / _mscale(factor, below)
    return _mscale(factor)


def _mscale(factor: float, mscale: float = 1.0) -> float:
    return 1.0 if factor <= 1 else 0.1 * mscale * math.log(factor) + 1.0


def _llama3(config: Mapping[str, Any], settings: Mapping[str, Any], rotated: int, n_ctx: int) -> tuple[float, ...]:
    """Llama 3.1's: slow waves are stretched by `factor`, fast ones are kept, those between are interpolated."""
    factor = real(settings, "factor", math.nan)
    low, high = (real(settings, name, math.nan) for name in ("low_freq_factor", "high_freq_factor"))
    if high <= low:
        raise ModelError(f"the settings say high_freq_factor is {high:g}", f"it must be above {low:g}")
    original, base = _original(config, settings, n_ctx), real(settings, "rope_theta", 10000.0)
    divisors = []
    for pair in range(rotated // 2):
        wave = 2 * math.pi * base ** (2 * pair / rotated)
        smooth = (original / wave - low) / (high - low)
        divisors.append(1 / ((1 - min(1.0, max(0.0, smooth))) / factor + min(1.0, max(0.0, smooth))))
    return tuple(divisors)


def neighbours_of_halves(head: int) -> Change:
    """Move the rows of each head: the rotated pairs, half a head apart, come side by side."""

    def change(value: Value, shape: Shape, layer: int) -> Value:
        view = (shape[0] // head, 2, head // 2, *shape[1:])
        return Permute(value, view, (0, 2, 1, *range(3, len(view))))

    return change


def halves_of_neighbours(head: int, rotated: int) -> Change:
    """Move the first `rotated` rows of each head: the pairs, side by side, come half of that apart.

    What is not rotated may lie in any order that queries and keys share: where the rotated part divides the head, all
    parts of its size are moved alike, in one step.
    """

    def change(value: Value, shape: Shape, layer: int) -> Value:
        pairs = (rotated // 2, 2, *shape[1:])
        if head % rotated == 0:
            return Permute(value, (shape[0] // rotated, *pairs), (0, 2, 1, 3))
        parts: list[Value] = []
        for start in range(0, shape[0], head):
            parts.append(Permute(Rows(value, start, start + rotated), pairs, (1, 0, 2)))
            parts.append(Rows(value, start + rotated, start + head))
        return Fuse(tuple(parts))

    return change
