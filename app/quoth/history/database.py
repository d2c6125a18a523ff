"""One connection to the history's file: opened at first use, held by a lock, its errors turned into sentences."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock

from quoth.errors import StorageError
from quoth.history import schema
from quoth.history.rescue import salvage
from quoth.platform import private_file

LOCK_WAIT = 5.0  # seconds to wait for another program's lock
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """The file, or a database in memory: then nothing is kept, and `problem` says why.

    `replaced` is called with the old and the new connection when the file was deleted while it was in use.
    """

    def __init__(self, path: Path | None, replaced: Callable[[sqlite3.Connection, sqlite3.Connection], None]) -> None:
        self.path = path
        self.problem = ""
        self.read_only = False
        self.in_memory = path is None
        self.lock_wait = LOCK_WAIT
        self._replaced = replaced
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def connection(self) -> sqlite3.Connection:
        """The open connection; only inside `read` and `write` does the caller have it alone."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            return self._connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot of the database. Raises StorageError."""
        with self._lock, self._transaction("BEGIN", "ROLLBACK", "cannot be read") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it ends. Raises StorageError, and then nothing has changed."""
        with self._lock:
            self.connection()
            if self.read_only:
                raise StorageError("the history is not written", self.problem, "It can still be read")
            self._follow()
            with self._transaction("BEGIN IMMEDIATE", "COMMIT", "cannot be written") as connection:
                yield connection

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _transaction(self, begin: str, end: str, failed: str) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        try:
            with connection:
                connection.execute(f"PRAGMA busy_timeout = {round(self.lock_wait * 1000)}")
                connection.execute(begin)
                yield connection
                connection.execute(end)  # of a damaged file a snapshot can be rolled back, not committed
        except sqlite3.Error as error:
            raise self.explained(error, failed) from None

    def explained(self, error: sqlite3.Error, failed: str = "cannot be read") -> StorageError:
        """What SQLite says, as a sentence with a next step."""
        code = _code(error)
        if code in _LOCKED:
            return StorageError("the history is locked by another program", str(self.path), "Try again when it is done")
        if code in _DAMAGED:
            self.problem = f"{self.path} is damaged: {error}"
            try_ = 'Save what can be read with "quoth history export --all", then move the file away'
            return StorageError("the history is damaged", f"{self.path}: {error}", try_)
        if code == sqlite3.SQLITE_FULL:
            return StorageError(f"the history {failed}", "the disk is full", "Free some space; what was kept is intact")
        return StorageError(f"the history {failed}", f"{self.path}: {error}", "Check the disk and its permissions")

    def _open(self) -> sqlite3.Connection:
        """A connection to the file, or to a database in memory if the file cannot be used."""
        if self.path is None:
            return self._in_memory()
        try:
            return self._open_file(self.path)
        except private_file.Unusable as why:
            self.problem = f"{why}; the history is not kept"
        except OSError as error:
            self.problem = f"{self.path} cannot be opened: {(error.strerror or str(error)).lower()}"
        except sqlite3.Error as error:
            raise self.explained(error) from None
        return self._in_memory()

    def _open_file(self, path: Path) -> sqlite3.Connection:
        can_write = private_file.prepare(path)
        connection = self._connect(path, "rw" if can_write else "ro")
        try:
            version = schema.checked_version(_prepared(connection, can_write), path)
        except (sqlite3.DatabaseError, private_file.Unusable) as error:
            connection.close()
            if can_write and _code(error) in _DAMAGED:
                return self._start_over(path)
            raise
        self._identity = _identity(path)
        if version > schema.VERSION:
            self.problem = f"{path} was written by a newer version of Quoth; it can only be read"
            connection.close()
            connection = _prepared(self._connect(path, "ro"), False)
            self.read_only = True
        elif not can_write:
            self.problem = f"{path} can only be read; nothing new is kept"
            self.read_only = True
        else:
            schema.migrate(connection)
        return connection

    def _start_over(self, path: Path) -> sqlite3.Connection:
        """Set a damaged file aside, and start a new one with what can be read of it."""
        number = next(n for n in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{n}").exists())
        aside = path.with_name(f"{path.name}.damaged-{number}")
        os.rename(path, aside)
        connection = self._open_file(path)
        damaged = _prepared(self._connect(aside, "ro"), False)
        damaged.execute("PRAGMA writable_schema = ON")  # or a file that is too short is not read at all
        with closing(damaged):
            turns = salvage(damaged, connection)
        kept = f"{turns:,} of its turns were kept" if turns else "nothing in it could be read"
        self.problem = f"{path} was damaged: it is now {aside.name}, and {kept}"
        return connection

    def _connect(self, path: Path, mode: str) -> sqlite3.Connection:
        uri = f"{_uri(path)}?mode={mode}"
        return sqlite3.connect(uri, timeout=self.lock_wait, isolation_level=None, check_same_thread=False, uri=True)

    def _in_memory(self) -> sqlite3.Connection:
        self.in_memory = True
        connection = _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False), False)
        schema.migrate(connection)
        return connection

    def _follow(self) -> None:
        """Start a new file if the one in use was deleted or replaced."""
        if self.in_memory or self.path is None or _identity(self.path) == self._identity:
            return
        old, self._connection = self._connection, None
        try:
            new = self.connection()
            if old is not None and not self.in_memory:
                self._replaced(old, new)
        finally:
            if old is not None:
                old.close()


def _uri(path: Path) -> str:
    """As https://www.sqlite.org/uri.html says; importing urllib would cost more than opening the file."""
    name = path.absolute().as_posix().replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file://{name}" if name.startswith("/") else f"file:///{name}"


def _prepared(connection: sqlite3.Connection, writes: bool) -> sqlite3.Connection:
    """Settings of a connection. DELETE and EXTRA: a commit that returned survives a power cut."""
    connection.text_factory = lambda data: data.decode("utf-8", "replace")  # of a damaged row too
    if writes:
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
