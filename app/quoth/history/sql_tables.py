"""The SQL for conversations and turns."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from sqlite3 import Connection
from typing import Any

from quoth.chat import Attachment
from quoth.errors import UsageError
from quoth.history.records import Conversation, Turn
from quoth.history.search_index import indexed
from quoth.text import well_formed

DAMAGED = "this turn is damaged on the disk"
_TURN = ", ".join(Turn.__slots__)
_CONVERSATION = (
    "id, title, system, origin, created, changed,"
    " (SELECT count(*) FROM turns WHERE conversation = conversations.id), leaf"
)


class Tables:
    """The conversations and turns of a file, inside a transaction that the caller holds."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.execute = connection.execute

    def conversation(self, id_: int) -> Conversation:
        """Raises UsageError for an unknown id, with the nearest one."""
        row = self.execute(f"SELECT {_CONVERSATION} FROM conversations WHERE id = ?", (_bounded(id_),)).fetchone()
        if row is None:
            nearest = "SELECT id FROM conversations ORDER BY abs(id - ?) LIMIT 1"
            near = self.execute(nearest, (_bounded(id_),)).fetchone()
            hint = f'The nearest is {near[0]}; "quoth history" lists all' if near else "There are none yet"
            raise UsageError(f"there is no conversation {id_}", "", hint)
        return Conversation(*row)

    def conversations(self, limit: int, offset: int) -> list[Conversation]:
        """The last changed first."""
        query = f"SELECT {_CONVERSATION} FROM conversations ORDER BY sequence DESC LIMIT ? OFFSET ?"
        return [Conversation(*row) for row in self.execute(query, (limit, offset))]

    def add_conversation(self, title: str, system: str, origin: str, now: float) -> int:
        """A new conversation, the last changed one; returns its id."""
        cursor = self.execute(
            "INSERT INTO conversations (title, system, origin, created, changed, sequence) VALUES ('', ?, ?, ?, ?,"
            " (SELECT ifnull(max(sequence), 0) + 1 FROM conversations))",
            (well_formed(system), origin, now, now),
        )
        id_ = int(cursor.lastrowid or 0)
        self.set_title(id_, title)
        return id_

    def touch(self, id_: int, now: float) -> None:
        """Make a conversation the last changed one."""
        last = "(SELECT max(sequence) + 1 FROM conversations)"
        self.execute(f"UPDATE conversations SET changed = ?, sequence = {last} WHERE id = ?", (now, id_))

    def set_leaf(self, id_: int, leaf: int | None, now: float) -> None:
        self.execute("UPDATE conversations SET leaf = ? WHERE id = ?", (leaf, id_))
        self.touch(id_, now)

    def set_title(self, id_: int, title: str) -> None:
        """Set a title, in the index too."""
        (old,) = self.execute("SELECT title FROM conversations WHERE id = ?", (id_,)).fetchone()
        title = well_formed(title)
        self.execute("UPDATE conversations SET title = ? WHERE id = ?", (title, id_))
        self._reindex("title_words", id_, old, title)

    def turn(self, id_: int) -> Turn:
        """Raises UsageError for an unknown id."""
        row = self.execute(f"SELECT {_TURN}, checksum FROM turns WHERE id = ?", (_bounded(id_),)).fetchone()
        if row is None:
            raise UsageError(f"there is no turn {id_}", "", "It may have been removed in the meantime")
        return _from_row(row)

    def tree(self, conversation_: int) -> list[Turn]:
        """All turns of a conversation by id."""
        query = f"SELECT {_TURN}, checksum FROM turns WHERE conversation = ? ORDER BY id"
        return [_from_row(row) for row in self.execute(query, (conversation_,))]

    def upwards(self, leaf: int | None) -> Iterator[Turn]:
        """The turns from a leaf to its root."""
        while leaf is not None:
            found = self.turn(leaf)
            yield found
            leaf = found.parent

    def siblings(self, of: Turn) -> list[int]:
        """Ids with the same conversation and parent."""
        query = "SELECT id FROM turns WHERE conversation = ? AND parent IS ? ORDER BY id"
        return [id_ for (id_,) in self.execute(query, (of.conversation, of.parent))]

    def newest_below(self, id_: int) -> int:
        """The newest descendant of a turn, or itself. It has no children: they would be newer."""
        (newest,) = self.execute(
            "WITH RECURSIVE below (id) AS (SELECT ? UNION ALL SELECT turns.id FROM turns JOIN below"
            " ON turns.parent = below.id) SELECT max(id) FROM below",
            (id_,),
        ).fetchone()
        return int(newest)

    def open_turns(self) -> list[tuple[int, str]]:
        """Turns that are being written: id and the writer's name."""
        found: list[tuple[int, str]] = self.execute("SELECT id, writer FROM turns WHERE reason = ''").fetchall()
        return found

    def add_turn(self, new: Turn, writer: str = "") -> int:
        """Add a turn under the next id, and to the index if it has ended; returns the id."""
        id_ = self.add_row("turns", {**_columns(new), "writer": writer})
        if new.reason:
            self._reindex("turn_words", id_, "", new.text)
        return id_

    def replace_turn(self, old: Turn, new: Turn, writer: str = "") -> None:
        """Replace a turn; the index has it while it is not open."""
        columns = {**_columns(new), "writer": writer}
        names = ", ".join(f"{name} = ?" for name in columns)
        self.execute(f"UPDATE turns SET {names} WHERE id = ?", [*columns.values(), old.id])
        self._reindex("turn_words", old.id, old.text if old.reason else "", new.text if new.reason else "")

    def delete_turns(self, turns: Sequence[Turn]) -> None:
        """Remove turns, from the index too; children before their parents."""
        for each in reversed(turns):
            self._reindex("turn_words", each.id, each.text if each.reason else "", "")
            self.execute("DELETE FROM turns WHERE id = ?", (each.id,))

    def delete_conversation(self, conversation_: int) -> None:
        """Remove a conversation with all its turns."""
        self.set_title(conversation_, "")
        self.execute("UPDATE conversations SET leaf = NULL WHERE id = ?", (conversation_,))
        self.delete_turns(self.tree(conversation_))
        self.execute("DELETE FROM conversations WHERE id = ?", (conversation_,))

    def add_row(self, table: str, row: Mapping[str, Any]) -> int:
        """Insert a row, by column; returns its id."""
        places = ", ".join("?" * len(row))
        cursor = self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", [*row.values()])
        return int(cursor.lastrowid or 0)

    def add_copied_row(self, table: str, row: Mapping[str, Any]) -> None:
        """Insert a row of another file's table as it is, and index it."""
        self.add_row(table, row)
        if table == "conversations":
            self._reindex("title_words", row["id"], "", row["title"])
        elif row["reason"]:
            self._reindex("turn_words", row["id"], "", row["text"])

    def _reindex(self, index: str, id_: int, old: str, new: str) -> None:
        """The index must be told what it had: https://www.sqlite.org/fts5.html#contentless_tables."""
        old, new = indexed(well_formed(old)), indexed(well_formed(new))
        if old == new:
            return
        if old:
            self.execute(f"INSERT INTO {index} ({index}, rowid, words) VALUES ('delete', ?, ?)", (id_, old))
        if new:
            self.execute(f"INSERT INTO {index} (rowid, words) VALUES (?, ?)", (id_, new))


def _columns(turn_: Turn) -> dict[str, Any]:
    """A turn by the columns of its table, without its id."""
    fields = {name: getattr(turn_, name) for name in Turn.__slots__ if name != "id"}
    fields["documents"] = json.dumps([[each.name, each.text] for each in turn_.documents], ensure_ascii=False)
    fields["settings"] = json.dumps(dict(turn_.settings), ensure_ascii=False)
    columns = {name: well_formed(value) if isinstance(value, str) else value for name, value in fields.items()}
    return {**columns, "checksum": _checksum(columns["text"], columns["thought"])}


def _from_row(row: Sequence[Any]) -> Turn:
    """A row of `_TURN` and checksum. What a bad disk changed in it is told in the notice."""
    *columns, checksum = row
    fields = dict(zip(Turn.__slots__, columns, strict=True))
    damaged = _checksum(fields["text"], fields["thought"]) != checksum
    try:
        fields["documents"] = tuple(Attachment(name, text) for name, text in json.loads(fields["documents"]))
        fields["settings"] = dict(json.loads(fields["settings"]))
    except (ValueError, TypeError):
        fields["documents"], fields["settings"], damaged = (), {}, True
    if damaged:
        fields["notice"] = DAMAGED
    return Turn(**fields)


def _checksum(text: str, thought: str) -> int:
    return zlib.crc32(thought.encode("utf-8", "replace"), zlib.crc32(text.encode("utf-8", "replace")))


def _bounded(id_: int) -> int:
    """An id that SQLite's 64 bits can hold."""
    return id_ if abs(id_) < 2**63 else -1
