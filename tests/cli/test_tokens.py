"""`quoth tokens` with the real model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quoth.version import __version__
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("installed")


def test_tokens_are_counted_of_a_file_and_of_a_pipe(quoth: Run, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello world")
    results = [
        quoth("tokens", "text", cwd=tmp_path),
        quoth("tokens", input=b"hello world"),
        quoth("tokens", "-", input=b"hello world"),
    ]
    assert [(result.stdout, result.stderr, result.returncode) for result in results] == [(b"2\n", b"", 0)] * 3


def test_ids_are_printed_in_one_line_and_in_json(quoth: Run) -> None:
    text = "hello world <|im_end|>"
    ids = [int(word) for word in quoth("tokens", "--ids", input=text.encode()).stdout.split()]
    answer = json.loads(quoth("tokens", "--ids", "--json", input=text.encode()).stdout)
    assert answer == {"version": __version__, "model": "smollm2-135m", "tokens": len(ids), "ids": ids}
    assert len(ids) > 3  # the mark is plain text, not one control token


def test_no_text_has_no_tokens(quoth: Run) -> None:
    assert quoth("tokens", input=b"").stdout == b"0\n"


def test_a_file_that_is_not_there_exits_5(quoth: Run) -> None:
    result = quoth("tokens", "nowhere.txt")
    assert (result.returncode, result.stdout) == (5, b"")
    assert result.stderr == b"quoth: error: nowhere.txt cannot be read (No such file or directory). Check the name\n"
