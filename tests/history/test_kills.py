"""kill -9 at random moments of two processes that write one history: no acknowledged turn is lost."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quoth.history import History
from tests.history.history_files import is_sound
from tests.rounds import rounds

SOME = 600  # bytes of a log: a few turns


def acknowledged(log: Path) -> dict[int, str]:
    """The last text of each turn; a last line that was cut by the kill was not acknowledged."""
    if not log.exists():
        return {}
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return {int(turn): text for turn, _, text in (line.partition(" ") for line in lines)}


def kill_writers(path: Path, logs: list[Path], choose: random.Random) -> None:
    """Two writers from the start to the kill: some die while they open the file, most in the middle of a turn."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "tests.history.endless_writer", str(path)]
    writers = [subprocess.Popen([*command, str(log)], env=environment) for log in logs]
    until = time.monotonic() + 30
    if choose.random() < 0.8:
        while not all(log.exists() and log.stat().st_size > SOME for log in logs) and time.monotonic() < until:
            time.sleep(0.005)
    for writer in choose.sample(writers, 2):
        time.sleep(choose.random() * 0.15)
        writer.kill()
    for writer in writers:
        writer.wait()


def lost(path: Path, logs: list[Path]) -> list[str]:
    """What was acknowledged and is not there."""
    expected = acknowledged(logs[0]) | acknowledged(logs[1])
    connection = sqlite3.connect(path)
    kept = dict(connection.execute("SELECT id, text FROM turns"))
    connection.close()
    whole = [f"{turn}: {text[:60]!r} became {kept.get(turn)!r:.60}" for turn, text in expected.items()]
    return [
        each for each, (turn, text) in zip(whole, expected.items(), strict=True) if not _holds(kept.get(turn), text)
    ]


def _holds(kept: str | None, text: str) -> bool:
    """The text itself, or what was written after it without having been acknowledged: all of it, or some more."""
    return kept is not None and (
        kept == text or kept.startswith(text) or (len(text) <= 90 and kept[::-1].startswith(text))
    )


def survive(folder: Path, number: int, seed: int) -> int:
    """So many rounds; returns the acknowledged turns."""
    choose = random.Random(seed)
    total = 0
    for round_ in range(number):
        path = folder / f"{round_ // 20}" / "history.db"
        logs = [folder / f"{round_}.{name}" for name in "ab"]
        kill_writers(path, logs, choose)
        history = History(path)
        assert history.problem == ""
        assert history.writable
        open_ones = [turn for each in history.conversations(-1) for turn in history.tree(each.id) if not turn.reason]
        assert not open_ones
        history.close()
        assert lost(path, logs) == []
        assert is_sound(path)
        assert {each.name for each in path.parent.iterdir()} <= {"history.db", "history.db-journal"}
        total += sum(len(acknowledged(log)) for log in logs)
    return total


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
@pytest.mark.more
def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    assert survive(tmp_path, 10, seed=1) > 50


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    number = rounds(500)
    assert survive(tmp_path, number, seed=2) > 5 * number
