"""How long the long tests are."""

from __future__ import annotations

import os


def rounds(full: int) -> int:
    """A fifth of the full number of rounds; all of them with QUOTH_TEST_FULL=1."""
    return full if os.environ.get("QUOTH_TEST_FULL") == "1" else full // 5
