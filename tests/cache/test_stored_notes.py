"""The kept notes: on the disk at once, bounded, private, and never a reason to fail."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from quoth.cache.stored_notes import StoredNotes
from quoth.errors import StorageError


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "notes.db"
    notes = StoredNotes(path)
    assert notes.get("a") is None
    notes.put("a", "- ships\n- Häfen 港")
    assert StoredNotes(path).get("a") == "- ships\n- Häfen 港"  # nothing was closed
    notes.put("a", "- boats")
    notes.close()
    assert StoredNotes(path).get("a") == "- boats"
    assert StoredNotes(path).count() == (1, len("a") + len("- boats"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    StoredNotes(path).put("a", "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_they_are_bounded_and_the_least_recently_used_go_first(tmp_path: Path) -> None:
    time = iter(range(10_000))
    notes = StoredNotes(tmp_path / "notes.db", most=10_000, clock=lambda: float(next(time)))
    for number in range(100):
        notes.put(f"{number:03}", "x" * 497)
        assert notes.get("000") is not None  # in use
    count, size = notes.count()
    assert 7_000 <= size <= 10_500
    assert count == size // 500
    assert notes.get("099") is not None
    assert notes.get("001") is None


def test_in_memory_nothing_is_written(tmp_path: Path) -> None:
    notes = StoredNotes(None)
    notes.put("a", "secret")
    assert notes.get("a") == "secret"
    assert notes.clear() == (0, 0)
    assert not [*tmp_path.iterdir()]


def test_clearing_says_what_there_was_and_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    notes = StoredNotes(path)
    notes.put("a", "1234")
    assert notes.clear() == (1, 5)
    assert not path.exists()
    assert notes.clear() == (0, 0)
    notes.put("b", "works again")
    assert notes.get("b") == "works again"


@pytest.mark.parametrize(
    "damage", [b"this is no database at all, but a text of some length", b"SQLite format 3\0" + b"\xff" * 600]
)
def test_a_damaged_file_is_forgotten_and_can_be_cleared(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(damage)
    notes = StoredNotes(path)
    assert notes.get("a") is None
    notes.put("a", "1")
    assert notes.get("a") == "1"  # in memory from here on
    assert str(path) in notes.problem
    with pytest.raises(StorageError, match="quoth cache --clear"):
        StoredNotes(path).count()
    StoredNotes(path).clear()
    assert not path.exists()


def test_a_folder_that_cannot_be_made_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    notes = StoredNotes(tmp_path / "file" / "notes.db")
    notes.put("a", "1")
    assert notes.problem
    assert notes.get("b") is None


@pytest.mark.skipif(os.name == "nt", reason="a link needs a privilege there")
def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    (tmp_path / "notes.db").symlink_to(target)
    notes = StoredNotes(tmp_path / "notes.db")
    notes.put("a", "1")
    assert "is a link" in notes.problem
    assert target.read_text() == "precious"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file size limit of POSIX")
def test_a_full_disk_is_a_problem_and_no_error(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom quoth.cache.stored_notes import StoredNotes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (40960, 40960))\n"
        "notes = StoredNotes(Path(sys.argv[1]))\n"
        "for n in range(100): notes.put(str(n), 'x' * 2000)\n"
        "assert notes.problem, 'no problem'\n"
        "notes.put('last', 'text'); print(notes.get('last'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "notes.db")], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("text\n", 0), done.stderr
    with sqlite3.connect(tmp_path / "notes.db") as connection:  # what was kept before is whole
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_processes_use_it_together(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    StoredNotes(path).put("start", "1")
    script = (
        "import sys\nfrom pathlib import Path\nfrom quoth.cache.stored_notes import StoredNotes\n"
        "notes = StoredNotes(Path(sys.argv[1]))\nfor n in range(60): notes.put(f'{sys.argv[2]}-{n}', 'x' * 100)\n"
        "raise SystemExit(notes.problem or 0)\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "ab"]
    assert [run.wait(timeout=60) for run in runs] == [0, 0]
    assert StoredNotes(path).count()[0] == 121
