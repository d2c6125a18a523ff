"""Makes bad files, and fills a history until the disk is full: `python -m tests.history.history_files FILE BYTES`."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from quoth.errors import StorageError
from quoth.history import History


def filled(path: Path, conversations: int = 1, turns: int = 40, size: int = 2000) -> list[list[int]]:
    """A history with turns of some size; returns their ids."""
    history = History(path)
    made = []
    for number in range(conversations):
        home, question = history.begin(f"question {number}")
        made.append([question])
        for turn in range(turns - 1):
            text = f"turn {turn} of {number} " + "word " * (size // 5)
            made[-1].append(history.add(home, made[-1][-1], "assistant" if turn % 2 == 0 else "user", text))
    history.close()
    return made


def is_sound(path: Path) -> bool:
    """SQLite's own check of a file."""
    connection = sqlite3.connect(path)
    found = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return bool(found == [("ok",)])


def fill_the_disk(path: Path, limit: int) -> None:
    """Add turns until a file may not grow; print how many were acknowledged, and the sentence."""
    import resource

    history = History(path)
    home, parent = history.begin("question")
    added = 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        while True:
            parent = history.add(home, parent, "user", f"{added} " + "x" * 1000)
            added += 1
    except StorageError as error:
        sys.stdout.write(f"{added}\n{error}\n{len(history.path(home))}\n")


if __name__ == "__main__":
    fill_the_disk(Path(sys.argv[1]), int(sys.argv[2]))
