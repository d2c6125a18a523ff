"""Sampling and usage as the history and JSON name them."""

from __future__ import annotations

from typing import Any

from quoth.engine import Sampling, Usage


def sampling_fields(sampling: Sampling) -> dict[str, Any]:
    """Sampling as the history names it, without what is not set."""
    return {name: value for name, value in sampling._asdict().items() if value not in (None, (), "")}


def usage_fields(usage: Usage) -> dict[str, Any]:
    """Token counts and seconds as the history and JSON name them."""
    return {
        "prompt_tokens": usage.prompt,
        "reused_tokens": usage.reused,
        "generated_tokens": usage.generated,
        "read_seconds": round(usage.read_seconds, 4),
        "write_seconds": round(usage.write_seconds, 4),
    }
