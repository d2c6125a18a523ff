"""Rows copied from one file to another: what can be read of a damaged file, what is in use of a deleted one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from quoth.history.sql_tables import Tables

Row = dict[str, Any]
_JUMPS = 40  # doublings of the step over rows that cannot be read


def salvage(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    """Fill an empty database with what can be read of a damaged one, under the same ids; returns the turns found."""
    conversations = {row["id"]: row for row in _readable(old, "conversations")}
    turns = [*_readable(old, "turns")]
    for turn in turns:
        home = turn["conversation"]
        conversations.setdefault(home, _nameless(home, turn["created"], len(conversations)))
    ids = {turn["id"] for turn in turns}
    for turn in turns:
        turn["parent"] = turn["parent"] if turn["parent"] in ids else None
    for id_, conversation in conversations.items():
        if conversation["leaf"] not in ids:
            conversation["leaf"] = max((turn["id"] for turn in turns if turn["conversation"] == id_), default=None)
    _fill(new, conversations.values(), turns)
    return len(turns)


def copy_conversation(old: sqlite3.Connection, new: sqlite3.Connection, conversation: int) -> None:
    """Copy one conversation under the same ids, unless the new file has others already."""
    if new.execute("SELECT 1 FROM conversations").fetchone():
        return
    found = _rows(old.execute("SELECT * FROM conversations WHERE id = ?", (conversation,)))
    turns = _rows(old.execute("SELECT * FROM turns WHERE conversation = ? ORDER BY id", (conversation,)))
    _fill(new, [*found], [*turns])


def _readable(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The rows of a table in the order of their ids; those on damaged pages are stepped over."""
    last, step = 0, 1
    for _ in range(_JUMPS):
        try:
            for row in _rows(connection.execute(f"SELECT * FROM {table} WHERE id > ? ORDER BY id", (last,))):
                last, step = row["id"], 1
                yield row
        except sqlite3.DatabaseError:
            last, step = last + step, step * 2
        else:
            return


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    names = [name for name, *_ in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _nameless(id_: int, created: float, sequence: int) -> Row:
    """A conversation of which only turns were found."""
    row = {"id": id_, "title": "recovered", "system": "", "origin": "chat", "created": created, "changed": created}
    return {**row, "sequence": sequence, "leaf": None}


def _fill(new: sqlite3.Connection, conversations: Iterable[Row], turns: Iterable[Row]) -> None:
    with new:
        new.execute("BEGIN IMMEDIATE")
        for table, found in (("conversations", conversations), ("turns", turns)):
            for row in found:
                Tables(new).add_copied_row(table, row)
