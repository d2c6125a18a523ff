"""Tests of descriptors, signals and terminals need what Windows does not have."""

from __future__ import annotations

import os

POSIX = (
    "test_chat.py",
    "test_completions.py",
    "test_ending.py",
    "test_first_use.py",
    "test_pipes.py",
    "test_terminal.py",
)
collect_ignore = list(POSIX) if os.name == "nt" else []
