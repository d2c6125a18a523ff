"""Tests on a terminal need what Windows does not have."""

from __future__ import annotations

import os

POSIX = (
    "test_app_on_a_terminal.py",
    "test_clipboard.py",
    "test_driver.py",
    "test_safe_filter.py",
    "test_signals.py",
)
collect_ignore = list(POSIX) if os.name == "nt" else []
