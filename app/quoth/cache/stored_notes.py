"""Notes on passages, kept so that a stopped summary can go on and only the edits of an edited file cost time.

A cache: a mapping from keys to texts, bounded in size, the least recently used go first. A failure makes it forget, it
never makes its caller fail; `problem` says why.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Connection
from typing import TypeVar

from quoth.errors import StorageError
from quoth.platform import private_file

T = TypeVar("T")

MOST = 64 << 20  # bytes of texts
_SCHEMA = """
CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, text TEXT NOT NULL, used REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS note_used ON note (used);
"""


class StoredNotes:
    """Texts by key in a file; without a path in memory, while the process lives."""

    def __init__(self, path: Path | None, *, most: int = MOST, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.problem = ""
        self._most = most
        self._clock = clock
        self._connection: Connection | None = None
        self._size = 0

    def get(self, key: str) -> str | None:
        return self._try(lambda connection: self._look_up(connection, key))

    def put(self, key: str, text: str) -> None:
        """Keep a text; it is on the disk when this returns."""
        self._try(lambda connection: self._keep(connection, key, text))

    def count(self) -> tuple[int, int]:
        """The number of notes and their bytes. Raises StorageError."""
        if self.path is not None and not os.path.exists(self.path):
            return 0, 0
        counted = self._try(_counted)
        if counted is None or self.problem:
            raise StorageError("the cache cannot be read", self.problem, "Clear it with quoth cache --clear")
        return counted

    def clear(self) -> tuple[int, int]:
        """Delete all notes; returns their number and bytes. Raises StorageError."""
        self.close()
        path = self.path
        if path is None:
            return 0, 0
        try:
            there = self.count()
        except StorageError:
            there = 0, 0
        self.close()
        self.path, self.problem = path, ""
        for name in (path, path.with_name(path.name + "-journal")):
            try:
                name.unlink(missing_ok=True)
            except OSError as error:
                why = error.strerror or str(error)
                raise StorageError(f"{name} cannot be removed", why, "Check its permissions") from None
        return there

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _try(self, action: Callable[[Connection], T]) -> T | None:
        """What an action on the connection returns; None if it fails, and then `problem` says why."""
        try:
            if self._connection is None:
                self._connection = self._open()
            return action(self._connection)
        except (sqlite3.Error, OSError, private_file.Unusable) as error:
            self.problem = f"{self.path}: {error}"
            self.close()
            self.path = None  # in memory from here on
            return None

    def _look_up(self, connection: Connection, key: str) -> str | None:
        row = connection.execute("SELECT text FROM note WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        connection.execute("UPDATE note SET used = ? WHERE key = ?", (self._clock(), key))
        return str(row[0])

    def _keep(self, connection: Connection, key: str, text: str) -> None:
        connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", (key, text, self._clock()))
        self._size += _weight(key, text)
        if self._size > self._most:
            self._shrink(connection)

    def _open(self) -> Connection:
        if self.path is not None:
            private_file.prepare(self.path)
        connection = sqlite3.connect(self.path or ":memory:", timeout=2, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_SCHEMA)
            _, self._size = _counted(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _shrink(self, connection: Connection) -> None:
        """Down to three quarters, the least recently used first."""
        _, size = _counted(connection)
        for key, text in connection.execute("SELECT key, text FROM note ORDER BY used").fetchall():
            if size <= self._most * 3 // 4:
                break
            connection.execute("DELETE FROM note WHERE key = ?", (key,))
            size -= _weight(key, text)
        self._size = size


def _weight(key: str, text: str) -> int:
    return len(key) + len(text.encode("utf-8", "replace"))


def _counted(connection: Connection) -> tuple[int, int]:
    """The number of notes and their bytes."""
    query = "SELECT count(*), coalesce(sum(length(key) + length(CAST(text AS BLOB))), 0) FROM note"
    count, size = connection.execute(query).fetchone()
    return int(count), int(size)
