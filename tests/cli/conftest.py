"""Tests of descriptors, signals and terminals need what Windows does not have; commands run on one thread."""

from __future__ import annotations

import os

import pytest

POSIX = (
    "test_chat.py",
    "test_completions.py",
    "test_ending.py",
    "test_first_use.py",
    "test_pipes.py",
    "test_terminal.py",
)
collect_ignore = list(POSIX) if os.name == "nt" else []


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    """As everywhere, on one thread: threads that wait for each other crawl on a busy machine."""
    return {**environ, "QUOTH_THREADS": "1"}
