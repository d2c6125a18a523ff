"""How long the long tests are."""

from __future__ import annotations

import os


def rounds(full: int, part: int = 5) -> int:
    """One in `part` of the full number of rounds; all of them with QUOTH_TEST_FULL=1."""
    return full if os.environ.get("QUOTH_TEST_FULL") == "1" else full // part
