"""Turns and conversations as rows. Every function works inside a transaction that its caller holds."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quoth.chat import Attachment
from quoth.errors import UsageError
from quoth.history.search_index import indexed
from quoth.history.turns import Conversation, Turn
from quoth.text import well_formed

if TYPE_CHECKING:
    import sqlite3

DAMAGED = "this turn is damaged on the disk"
TURN = (
    "id, conversation, parent, role, text, thought, documents, model, settings, reason, notice, prompt_tokens,"
    " reused_tokens, generated_tokens, read_seconds, write_seconds, created, ended"
)
CONVERSATION = (
    "id, title, system, origin, created, changed,"
    " (SELECT count(*) FROM turns WHERE conversation = conversations.id), leaf"
)


def conversation(connection: sqlite3.Connection, id_: int) -> Conversation:
    """Raises UsageError for an unknown id, with the nearest one."""
    row = connection.execute(f"SELECT {CONVERSATION} FROM conversations WHERE id = ?", (_bounded(id_),)).fetchone()
    if row is None:
        near = connection.execute(
            "SELECT id FROM conversations ORDER BY abs(id - ?) LIMIT 1", (_bounded(id_),)
        ).fetchone()
        hint = f'The nearest is {near[0]}; "quoth history" lists all' if near else "There is none yet"
        raise UsageError(f"there is no conversation {id_}", "", hint)
    return Conversation(*row)


def conversations(connection: sqlite3.Connection, limit: int, offset: int) -> list[Conversation]:
    """The last changed first."""
    rows = connection.execute(
        f"SELECT {CONVERSATION} FROM conversations ORDER BY sequence DESC LIMIT ? OFFSET ?", (limit, offset)
    )
    return [Conversation(*row) for row in rows]


def begin(connection: sqlite3.Connection, title: str, system: str, origin: str, now: float) -> int:
    """A new conversation, the last changed one."""
    cursor = connection.execute(
        "INSERT INTO conversations (title, system, origin, created, changed, sequence) VALUES ('', ?, ?, ?, ?,"
        " (SELECT ifnull(max(sequence), 0) + 1 FROM conversations))",
        (well_formed(system), origin, now, now),
    )
    id_ = int(cursor.lastrowid or 0)
    retitle(connection, id_, title)
    return id_


def touch(connection: sqlite3.Connection, id_: int, now: float) -> None:
    """Make a conversation the last changed one."""
    connection.execute(
        "UPDATE conversations SET changed = ?, sequence = (SELECT max(sequence) + 1 FROM conversations) WHERE id = ?",
        (now, id_),
    )


def set_leaf(connection: sqlite3.Connection, id_: int, leaf: int | None, now: float) -> None:
    connection.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, id_))
    touch(connection, id_, now)


def retitle(connection: sqlite3.Connection, id_: int, title: str) -> None:
    """Set a title, in the index too."""
    (old,) = connection.execute("SELECT title FROM conversations WHERE id = ?", (id_,)).fetchone()
    title = well_formed(title)
    connection.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, id_))
    _reindex(connection, "title_words", id_, old, title)


def turn(connection: sqlite3.Connection, id_: int) -> Turn:
    """Raises UsageError for an unknown id."""
    row = connection.execute(f"SELECT {TURN}, checksum FROM turns WHERE id = ?", (_bounded(id_),)).fetchone()
    if row is None:
        raise UsageError(f"there is no turn {id_}", "", "It may have been removed meanwhile")
    return _turn(row)


def tree(connection: sqlite3.Connection, conversation_: int) -> list[Turn]:
    """All turns of a conversation by id."""
    rows = connection.execute(
        f"SELECT {TURN}, checksum FROM turns WHERE conversation = ? ORDER BY id", (conversation_,)
    )
    return [_turn(row) for row in rows]


def upwards(connection: sqlite3.Connection, leaf: int | None) -> Iterator[Turn]:
    """The turns from a leaf to its root."""
    while leaf is not None:
        found = turn(connection, leaf)
        yield found
        leaf = found.parent


def siblings(connection: sqlite3.Connection, of: Turn) -> list[int]:
    """Ids with the same conversation and parent."""
    rows = connection.execute(
        "SELECT id FROM turns WHERE conversation = ? AND parent IS ? ORDER BY id", (of.conversation, of.parent)
    )
    return [id_ for (id_,) in rows]


def newest_below(connection: sqlite3.Connection, id_: int) -> int:
    """The newest descendant of a turn, or itself. It has no children: they would be newer."""
    (newest,) = connection.execute(
        "WITH RECURSIVE below (id) AS (SELECT ? UNION ALL SELECT turns.id FROM turns JOIN below"
        " ON turns.parent = below.id) SELECT max(id) FROM below",
        (id_,),
    ).fetchone()
    return int(newest)


def insert(connection: sqlite3.Connection, new: Turn, writer: str = "") -> int:
    """Add a turn under the next id, and to the index if it has ended; returns the id."""
    values = {**_values(new), "writer": writer}
    names = ", ".join(values)
    places = ", ".join("?" * len(values))
    cursor = connection.execute(f"INSERT INTO turns ({names}) VALUES ({places})", [*values.values()])
    id_ = int(cursor.lastrowid or 0)
    if new.reason:
        _reindex(connection, "turn_words", id_, "", new.text)
    return id_


def update(connection: sqlite3.Connection, old: Turn, new: Turn, writer: str = "") -> None:
    """Replace a turn; the index has it while it is not open."""
    values = {**_values(new), "writer": writer}
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE turns SET {names} WHERE id = ?", [*values.values(), old.id])
    _reindex(connection, "turn_words", old.id, old.text if old.reason else "", new.text if new.reason else "")


def forget(connection: sqlite3.Connection, turns: Sequence[Turn]) -> None:
    """Remove turns, from the index too; children before their parents."""
    for each in reversed(turns):
        _reindex(connection, "turn_words", each.id, each.text if each.reason else "", "")
        connection.execute("DELETE FROM turns WHERE id = ?", (each.id,))


def drop(connection: sqlite3.Connection, conversation_: int) -> None:
    """Remove a conversation with all its turns."""
    retitle(connection, conversation_, "")
    connection.execute("UPDATE conversations SET leaf = NULL WHERE id = ?", (conversation_,))
    forget(connection, tree(connection, conversation_))
    connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_,))


def _reindex(connection: sqlite3.Connection, index: str, id_: int, old: str, new: str) -> None:
    """The index must be told what it had: https://www.sqlite.org/fts5.html#contentless_tables."""
    old, new = indexed(well_formed(old)), indexed(well_formed(new))
    if old == new:
        return
    if old:
        connection.execute(f"INSERT INTO {index} ({index}, rowid, words) VALUES ('delete', ?, ?)", (id_, old))
    if new:
        connection.execute(f"INSERT INTO {index} (rowid, words) VALUES (?, ?)", (id_, new))


def _values(turn_: Turn) -> dict[str, Any]:
    text, thought = well_formed(turn_.text), well_formed(turn_.thought)
    documents = json.dumps([[each.name, each.text] for each in turn_.documents], ensure_ascii=False)
    return {
        "conversation": turn_.conversation,
        "parent": turn_.parent,
        "role": turn_.role,
        "reason": turn_.reason,
        "created": turn_.created,
        "ended": turn_.ended,
        "prompt_tokens": turn_.prompt_tokens,
        "reused_tokens": turn_.reused_tokens,
        "generated_tokens": turn_.generated_tokens,
        "read_seconds": turn_.read_seconds,
        "write_seconds": turn_.write_seconds,
        "checksum": _checksum(text, thought),
        "model": well_formed(turn_.model),
        "settings": well_formed(json.dumps(dict(turn_.settings), ensure_ascii=False)),
        "notice": well_formed(turn_.notice),
        "documents": well_formed(documents),
        "text": text,
        "thought": thought,
    }


def _turn(row: Sequence[Any]) -> Turn:
    """A row of TURN and checksum. What a bad disk changed in it is told in the notice."""
    *fields, checksum = row
    made = dict(zip(Turn.__slots__, fields, strict=True))
    damaged = _checksum(made["text"], made["thought"]) != checksum
    try:
        made["documents"] = tuple(Attachment(name, text) for name, text in json.loads(made["documents"]))
        made["settings"] = dict(json.loads(made["settings"]))
    except (ValueError, TypeError):
        made["documents"], made["settings"], damaged = (), {}, True
    if damaged:
        made["notice"] = DAMAGED
    return Turn(**made)


def _checksum(text: str, thought: str) -> int:
    return zlib.crc32(thought.encode("utf-8", "replace"), zlib.crc32(text.encode("utf-8", "replace")))


def _bounded(id_: int) -> int:
    """An id that SQLite's 64 bits can hold."""
    return id_ if abs(id_) < 2**63 else -1


def open_turns(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    """Turns that are being written: id and who writes."""
    rows: list[tuple[int, str]] = connection.execute("SELECT id, writer FROM turns WHERE reason = ''").fetchall()
    return rows


def index(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Put a row that was copied as it is into the index of its table."""
    if table == "conversations":
        _reindex(connection, "title_words", row["id"], "", row["title"])
    elif row["reason"]:
        _reindex(connection, "turn_words", row["id"], "", row["text"])
