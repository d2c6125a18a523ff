"""When memory runs out, whoever meets it first says so in words of its own; here they become one sentence."""

from __future__ import annotations

import re

from quoth.errors import EngineError

_WORDS = (  # compiled when something fails: to compile it takes as long as to import a module
    r"MemoryError|bad_alloc|out of memory|not enough memory"
    r"|(can ?not|can't|could not|unable to|failed to) (re)?alloc"
    r"|(can't start new|no) thread|Thread creation failed|pthread_create"
)


def shortage(why: str) -> EngineError | None:
    """The error for a reason given by Python, the C library, libgomp or llama.cpp, if it means that memory is short."""
    if not re.search(_WORDS, why, re.IGNORECASE):
        return None
    return EngineError(
        "the engine has not enough memory",
        why,
        "Close other programs, raise the limit (ulimit -v), or pass a smaller --ctx",
    )
