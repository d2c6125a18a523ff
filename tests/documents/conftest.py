"""What the tests of documents share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quoth.documents import Document, read

LIMIT = 50_000_000
Reading = Callable[..., Document]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """Write a file and read it: `reading("a.txt", b"...")`."""

    def write_and_read(name: str, data: bytes | str, limit: int = LIMIT) -> Document:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return read(str(path), limit=limit)

    return write_and_read


@pytest.fixture
def refusal(reading: Reading) -> Callable[..., str]:
    """The sentence with which a file is refused: `refusal("a.pdf", b"...")`."""
    from quoth.errors import InputError

    def refused(name: str, data: bytes | str, limit: int = LIMIT) -> str:
        with pytest.raises(InputError) as caught:
            reading(name, data, limit)
        assert caught.value.exit_code == 5
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refused
