"""`quoth cache`: what is kept of documents that were read, and its removal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quoth.cache.stored_notes import StoredNotes
from quoth.config import folders
from tests.cli.commands import run_here


@pytest.fixture
def place(environ: dict[str, str]) -> Path:
    return folders(environ).notes


def test_it_says_where_the_notes_are_and_how_many(environ: dict[str, str], place: Path) -> None:
    assert run_here("cache", environ=environ).out == f"{place}: 0 notes, 0 KB\n"
    assert not place.exists()
    notes = StoredNotes(place)
    notes.put("a", "x" * 2047)
    assert run_here("cache", environ=environ).out == f"{place}: 1 note, 2 KB\n"
    notes.put("b", "x" * 2047)
    assert run_here("cache", environ=environ).out == f"{place}: 2 notes, 4 KB\n"


def test_json_has_the_same(environ: dict[str, str], place: Path) -> None:
    StoredNotes(place).put("a", "123")
    shown = json.loads(run_here("cache", "--json", environ=environ).out)
    assert shown.pop("version")
    assert shown == {"path": str(place), "notes": 1, "bytes": 4, "cleared": False}


def test_clear_removes_all_of_it(environ: dict[str, str], place: Path) -> None:
    StoredNotes(place).put("a", "x" * 2047)
    assert run_here("cache", "--clear", environ=environ).out == "removed 1 note, 2 KB\n"
    assert not place.exists()
    assert run_here("cache", "--clear", environ=environ).out == "removed 0 notes, 0 KB\n"


def test_a_damaged_cache_is_told_and_can_be_cleared(environ: dict[str, str], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"no database " * 100)
    outcome = run_here("cache", environ=environ)
    assert (outcome.code, outcome.out) == (7, "")
    assert "the cache cannot be read" in outcome.err
    assert "quoth cache --clear" in outcome.err
    assert run_here("cache", "--clear", environ=environ).code == 0
    assert not place.exists()
