"""What a model says on a terminal shows text and does nothing else; pyte says what the terminal would show."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace

import pytest

from quoth.text import clean
from tests.cli.attacks import ATTACKS
from tests.cli.programs import ANSWERING, ENVIRONMENT
from tests.cli.terminal import LINES, look, run_on_terminal

UNTOUCHED = look(b"")
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\r(?!\n)")


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def answers() -> dict[str, bytes]:
    """What the terminal gets for each attack, all written in one run with lines between them."""
    text = "".join(f"<<<{name}\n{attack}\n>>>\n" for name, attack in ATTACKS.items())
    written, code = run_on_terminal([*ANSWERING, "--pieces=3"], stdin=utf8(text), env=ENVIRONMENT)
    assert code == 0
    return dict(re.findall(rb"<<<([^\r]*)\r\n(.*?)\r\n>>>\r\n", written, re.DOTALL))  # type: ignore[arg-type]  # keys below
