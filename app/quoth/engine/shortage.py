"""When memory runs out, whoever meets it first says so in words of its own; here they become one sentence."""

from __future__ import annotations

import re

from quoth.errors import EngineError

_WORDS = re.compile(
    r"MemoryError|bad_alloc|out of memory|not enough memory"
    r"|(can ?not|can't|could not|unable to|failed to) (re)?alloc"
    r"|(can't start new|no) thread|Thread creation failed|pthread_create",
    re.IGNORECASE,
)


def shortage(why: str) -> EngineError | None:
    """The error for a reason given by Python, the C library, libgomp or llama.cpp, if it means that memory is short."""
    if not _WORDS.search(why):
        return None
    return EngineError(
        "the engine has not enough memory",
        why,
        "Close other programs, raise the limit (ulimit -v), or pass a smaller --ctx",
    )
