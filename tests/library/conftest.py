"""Histories on real files, as the tests of the history have them."""

from __future__ import annotations

from tests.history.conftest import history, path

__all__ = ["history", "path"]
