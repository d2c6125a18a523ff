"""The tables of the history, as numbered migrations: PRAGMA user_version says how many have been applied."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection

from quoth.platform.private_file import Unusable

APPLICATION = 0x51756F74  # "Quot", PRAGMA application_id

# The two indexes store no text (FTS5, "contentless"): their words are made by quoth.history.search_index.
# `sequence` orders conversations by their last change, whatever the clock did; `writer` names the process that has
# a turn open.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        system TEXT NOT NULL,
        origin TEXT NOT NULL,
        created REAL NOT NULL,
        changed REAL NOT NULL,
        sequence INTEGER NOT NULL,
        leaf INTEGER
    );
    CREATE INDEX conversations_by_sequence ON conversations (sequence);
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (id),
        parent INTEGER REFERENCES turns (id),
        role TEXT NOT NULL,
        reason TEXT NOT NULL,
        writer TEXT NOT NULL,
        created REAL NOT NULL,
        ended REAL NOT NULL,
        prompt_tokens INTEGER NOT NULL DEFAULT 0,
        reused_tokens INTEGER NOT NULL DEFAULT 0,
        generated_tokens INTEGER NOT NULL DEFAULT 0,
        read_seconds REAL NOT NULL DEFAULT 0,
        write_seconds REAL NOT NULL DEFAULT 0,
        checksum INTEGER NOT NULL,
        model TEXT NOT NULL,
        settings TEXT NOT NULL,
        notice TEXT NOT NULL DEFAULT '',
        documents TEXT NOT NULL,
        text TEXT NOT NULL,
        thought TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX turns_by_conversation ON turns (conversation, parent);
    CREATE INDEX turns_by_parent ON turns (parent);
    CREATE INDEX turns_open ON turns (writer) WHERE reason = '';
    CREATE VIRTUAL TABLE turn_words USING fts5 (
        words, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );
    CREATE VIRTUAL TABLE title_words USING fts5 (
        words, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
    );
    """,
)
VERSION = len(MIGRATIONS)


def version_of(connection: Connection) -> int:
    """How many migrations the file has seen."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def checked_version(connection: Connection, path: Path) -> int:
    """The version of a file whose tables can be read.

    Raises Unusable for another program's database, sqlite3.DatabaseError for a damaged one.
    """
    connection.execute("BEGIN")  # one state of it: another process may be applying its first migrations
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and tables:
        raise Unusable(f"{path} is the database of another program")
    if tables:
        connection.execute("SELECT (SELECT max(id) FROM conversations), (SELECT max(id) FROM turns)").fetchone()
    version = version_of(connection)
    connection.execute("ROLLBACK")
    return version


def migrate(connection: Connection, migrations: tuple[str, ...] = MIGRATIONS) -> None:
    """Apply the missing migrations in one transaction; another process may be doing the same."""
    if version_of(connection) >= len(migrations):
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for script in migrations[version_of(connection) :]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {max(len(migrations), version_of(connection))}")
