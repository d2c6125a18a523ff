"""Where the file may be, who may read it, and what is done with a path that is none of ours."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from quoth.config import NOWHERE
from quoth.errors import StorageError
from quoth.history import History, schema
from tests.history.history_files import filled

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and pipes of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def works_in_memory(history: History) -> bool:
    """Whether a turn can be added and read, although nothing is kept."""
    home, _ = history.begin("a question")
    return not history.writable and history.in_memory and [turn.text for turn in history.path(home)] == ["a question"]


def test_without_a_path_everything_is_in_memory(tmp_path: Path) -> None:
    history = History(None)
    home, question = history.begin("q")
    history.finish(history.add(home, question, "assistant", "", ended=False), "a", "", "stop")
    assert (history.writable, history.problem, history.in_memory) == (True, "", True)
    assert [turn.text for turn in history.path(home)] == ["q", "a"]
    assert [*tmp_path.iterdir()] == []
    history.close()


@posix
def test_every_file_is_its_owners_alone_whatever_the_umask(path: Path) -> None:
    seen: dict[str, int] = {}
    for umask in (0o000, 0o777):
        before = os.umask(umask)
        try:
            history = History(path)
            home, question = history.begin("q")
            history.add(home, question, "assistant", "", ended=False)
            seen |= {each.name: mode(each) for each in (path.parent, *path.parent.iterdir())}
            history.close()
        finally:
            os.umask(before)
    assert len(seen) >= 3
    assert not [name for name, bits in seen.items() if bits & 0o077]
    assert (seen["data"], seen["history.db"]) == (0o700, 0o600)


@posix
def test_an_open_file_and_folder_are_closed_to_others(path: Path) -> None:
    filled(path, turns=1)
    path.chmod(0o664)
    path.parent.chmod(0o755)
    history = History(path)
    assert history.writable
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    history.close()


@posix
@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_what_is_no_plain_file_is_refused(path: Path, tmp_path: Path, kind: str) -> None:
    path.parent.mkdir()
    target = tmp_path / "target"
    if kind == "link":
        filled(target, turns=1)
    if "link" in kind:
        path.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    before = target.read_bytes() if target.exists() else None
    history = History(path)
    word = {"dangling link": "link"}.get(kind, kind)
    assert history.problem == f"{path} is a {word}; the history is not kept"
    assert works_in_memory(history)
    assert (target.read_bytes() if target.exists() else None) == before
    history.close()


@posix
@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file away")
def test_the_file_of_another_user_is_refused(path: Path) -> None:
    filled(path, turns=1)
    os.chown(path, 12345, 12345)
    history = History(path)
    assert history.problem == f"{path} belongs to another user; the history is not kept"
    assert works_in_memory(history)
    history.close()


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    history = History(path)
    assert "is the database of another program" in history.problem
    assert works_in_memory(history)
    assert path.read_bytes() == before
    history.close()


def test_no_home_at_all_is_memory(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (NOWHERE.history, file / "below" / "history.db"):
        history = History(path)
        assert "cannot be opened: not a directory" in history.problem or os.name == "nt"
        assert works_in_memory(history)
        history.close()


def test_a_newer_file_is_read_and_never_changed(path: Path) -> None:
    filled(path, turns=3)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    history = History(path)
    assert history.problem == f"{path} was written by a newer version of Quoth; it can only be read"
    assert not history.writable
    assert not history.in_memory
    assert len(history.path(1)) == 3
    assert history.search("question")
    for write in (lambda: history.new(), lambda: history.delete(1), lambda: history.rename(1, "x")):
        with pytest.raises(StorageError, match="newer version"):
            write()
    history.close()
    assert path.read_bytes() == before


def test_migrations_are_applied_in_order_and_once(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    schema.migrate(connection, schema.MIGRATIONS)
    more = (*schema.MIGRATIONS, "CREATE TABLE a (x); INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)")
    for _ in range(2):
        schema.migrate(connection, more)
    assert connection.execute("SELECT x FROM a").fetchall() == [(1,), (2,)]
    assert schema.version_of(connection) == schema.VERSION + 2
    with pytest.raises(sqlite3.Error):
        schema.migrate(connection, (*more, "INSERT INTO a VALUES (3); nonsense"))
    assert connection.execute("SELECT count(*) FROM a").fetchone() == (2,)
    assert schema.version_of(connection) == schema.VERSION + 2
    connection.close()


@pytest.mark.parametrize("name", ["a ?#%20&'b", "é漢"])
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: str) -> None:
    filled(tmp_path / name / "history.db", turns=2)
    history = History(tmp_path / name / "history.db")
    assert len(history.path(1)) == 2
    assert [each.name for each in tmp_path.iterdir()] == [name]
    history.close()
