"""Histories on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quoth.history import History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = History(path)
    yield history
    history.close()
