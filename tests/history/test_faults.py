"""A damaged file, a full disk, a lock, a deletion, a clock that jumps, a writer that is gone: nothing kept is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quoth.errors import StorageError
from quoth.history import History
from quoth.history.sql_tables import DAMAGED
from tests.history.history_files import filled, is_sound


def texts(history: History, conversation: int = 1) -> list[str]:
    return [turn.text for turn in history.path(conversation)]


def test_a_file_that_is_no_database_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    for number in (1, 2):
        path.write_bytes(b"this is no database " * 1000)
        history = History(path)
        aside = f"history.db.damaged-{number}"
        assert history.problem == f"{path} was damaged: it is now {aside}, and nothing in it could be read"
        assert history.writable
        history.begin("q")
        assert (path.parent / aside).read_bytes() == b"this is no database " * 1000
        history.close()
    history = History(path)
    assert history.problem == ""
    assert texts(history) == ["q"]
    history.close()


def test_of_a_torn_file_the_turns_that_are_whole_are_kept(path: Path) -> None:
    filled(path, turns=60)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size * 3 // 4)
    torn = path.read_bytes()
    history = History(path)
    assert history.problem.startswith(f"{path} was damaged: it is now history.db.damaged-1, and ")
    kept = history.tree(1)
    assert len(kept) > 20
    assert f"and {len(kept)} of its turns were kept" in history.problem
    assert [turn.text for turn in kept[:20]] == ["question 0", *(f"turn {n} of 0 " + "word " * 400 for n in range(19))]
    assert not [turn for turn in kept if turn.notice]
    assert history.search("question")
    history.add(1, history.conversation(1).leaf, "user", "goes on")
    assert texts(history)[-1] == "goes on"
    history.close()
    assert (path.parent / "history.db.damaged-1").read_bytes() == torn
    assert is_sound(path)


def test_a_flipped_bit_is_told_and_the_rest_is_readable(path: Path) -> None:
    filled(path, turns=5)
    data = path.read_bytes()
    at = data.index(b"turn 2 of 0 word") + 8
    path.write_bytes(data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :])
    history = History(path)
    turns = history.path(1)
    assert [turn.notice for turn in turns] == ["", "", "", DAMAGED, ""]
    assert turns[4].text.startswith("turn 3 of 0")
    assert history.writable
    history.close()


def test_a_page_that_cannot_be_read_costs_what_is_above_it_only(path: Path) -> None:
    ids = filled(path, turns=60)[0]
    connection = sqlite3.connect(path)
    page = connection.execute("SELECT pageno FROM dbstat WHERE name = 'turns' AND pagetype = 'leaf' LIMIT 1").fetchone()
    connection.close()
    data = path.read_bytes()
    start = (page[0] - 1) * 4096
    path.write_bytes(data[:start] + b"\xff" * 4096 + data[start + 4096 :])
    history = History(path)
    readable = history.path(1)
    assert 0 < len(readable) < 60
    assert readable[-1].id == ids[-1]
    assert history.problem.startswith(f"{path} is damaged: ")
    with pytest.raises(StorageError, match="the history is damaged"):
        history.path(1, ids[0])
    assert history.conversations()[0].title == "question 0"
    history.close()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_a_sentence_and_loses_nothing(path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.history.history_files", str(path), "200000"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    added, sentence, readable = result.stdout.splitlines()
    assert sentence.startswith("the history cannot be written (")
    assert "Free some space" in sentence or "Check the disk" in sentence
    assert int(added) == int(readable) > 50
    assert is_sound(path)
    history = History(path)
    assert len(history.path(1)) == int(added)
    history.add(1, history.conversation(1).leaf, "user", "goes on")
    assert texts(history)[-1] == "goes on"
    history.close()


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_another_programs_lock_is_waited_for_and_then_told(path: Path, lock: str) -> None:
    filled(path, turns=2)
    history = History(path)
    history.wait_for_locks(0.2)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute(f"BEGIN {lock}")
    began = time.perf_counter()
    with pytest.raises(StorageError, match=r"the history is locked by another program .*Try again"):
        history.begin("q")
    assert 0.15 < time.perf_counter() - began < 3
    if lock == "EXCLUSIVE":
        assert not history.writable
        assert "locked" in history.problem
    other.execute("COMMIT")
    assert history.writable
    assert history.problem == ""
    history.begin("q")
    assert len(history.conversations()) == 2
    other.close()
    history.close()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.parametrize("how", ["deleted", "folder deleted", "replaced"])
def test_a_file_deleted_under_us_is_made_again_with_the_conversation_in_use(path: Path, how: str) -> None:
    history = History(path)
    secret, _ = history.begin("old secret")
    home, question = history.begin("in use")
    answer = history.add(home, question, "assistant", "", ended=False)
    history.write(answer, "so far")
    path.unlink()
    if how == "folder deleted":
        for left in path.parent.iterdir():
            left.unlink()
        path.parent.rmdir()
    if how == "replaced":
        filled(path, turns=1)
    if how == "replaced":
        with pytest.raises(Exception, match="there is no turn"):
            history.finish(answer, "whole", "", "stop")
        assert texts(history) == ["question 0"]
    else:
        history.finish(answer, "whole", "", "stop")
        assert [each.id for each in history.conversations()] == [home]
        assert texts(history, home) == ["in use", "whole"]
        assert history.search("whole")
        assert secret != home
        assert b"old secret" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    history.close()


def test_clock_jumps_change_no_order(path: Path) -> None:
    now = [1.8e9]
    history = History(path, clock=lambda: now[0])
    homes, parents = [], []
    for moment in (1.8e9, 0.0, 4.1e9, -5.0):
        now[0] = moment
        home, parent = history.begin(f"at {moment}")
        homes.append(home)
        parents.append(parent)
    assert [each.id for each in history.conversations()] == homes[::-1]
    for moment in (4.1e9, 0.0):
        now[0] = moment
        parents[0] = history.add(homes[0], parents[0], "user", str(moment))
        assert history.conversations()[0].id == homes[0]
    assert texts(history, homes[0]) == ["at 1800000000.0", "4100000000.0", "0.0"]
    assert [hit.conversation for hit in history.search("at") if hit.role == "title"] == homes[::-1]
    history.close()


WRITER = """
import sys, time
from pathlib import Path
from quoth.history import History
history = History(Path(sys.argv[1]))
home, question = history.begin("asked")
answer = history.add(home, question, "assistant", "", ended=False)
history.write(answer, "so far")
print(home, flush=True)
time.sleep(60)
"""


def test_a_turn_whose_writer_is_gone_is_interrupted_and_one_whose_writer_lives_is_open(path: Path) -> None:
    ours = History(path)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment())
    assert writer.stdout is not None
    home = int(writer.stdout.readline())
    other = History(path)
    assert [turn.reason for turn in other.path(home)] == ["stop", ""]
    assert ours.path(home)[1].text == "so far"
    writer.kill()
    writer.communicate()
    assert [turn.reason for turn in ours.path(home)] == ["stop", "interrupted"]
    assert [turn.reason for turn in ours.tree(home)] == ["stop", "interrupted"]
    other.close()
    after = History(path)
    assert after.search("far")
    assert after.path(home)[1].reason == "interrupted"
    assert [each.name for each in path.parent.iterdir()] == ["history.db"]
    after.close()
    ours.close()


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_two_processes_write_at_once(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from quoth.history import History\n"
        "h = History(Path(sys.argv[1])); c, p = h.begin('q')\n"
        "for n in range(40): p = h.add(c, p, 'user', f'{n} of {sys.argv[2]}')\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), n], env=environment()) for n in "abc"]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    history = History(path)
    assert sorted(each.turns for each in history.conversations()) == [41] * 3
    for name in "abc":
        (hit,) = history.search(f"39 of {name}")
        assert texts(history, hit.conversation)[1:] == [f"{n} of {name}" for n in range(40)]
    history.close()
    assert is_sound(path)
