"""A document to ask about; and tests on a terminal, which need what Windows does not have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.tui.document_screens import REPORT

POSIX = (
    "test_app_on_a_terminal.py",
    "test_clipboard.py",
    "test_driver.py",
    "test_safe_filter.py",
    "test_signals.py",
)
collect_ignore = list(POSIX) if os.name == "nt" else []


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "report.txt"
    file.write_text(REPORT, encoding="utf-8")
    return file
