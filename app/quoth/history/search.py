"""Search: titles first, then turns, the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from sqlite3 import Connection
from typing import Any

from quoth.history.records import Hit
from quoth.history.search_index import parts, query, snippet

_TITLES = (
    "SELECT id, title, ifnull((SELECT min(id) FROM turns WHERE conversation = conversations.id), 0), 'title', title,"
    " created FROM conversations"
)
_TURNS = (
    "SELECT conversation, conversations.title, turns.id, role, text, turns.created FROM turns"
    " JOIN conversations ON conversations.id = conversation"
)


def search(connection: Connection, words: str, limit: int) -> list[Hit]:
    """The first `limit` hits. Words without letters or digits, such as "!=", are looked for in the texts themselves."""
    wanted = parts(words)
    asked = query(words)
    if not wanted or limit < 1:
        return []
    found = _by_index(connection, asked, limit) if asked else _by_text(connection, wanted)
    return [
        Hit(conversation, title, turn, role, *snippet(text, words), created)
        for conversation, title, turn, role, text, created in islice(found, limit)
    ]


def _by_index(connection: Connection, asked: str, limit: int) -> Iterator[Any]:
    for rows, index, id_ in ((_TITLES, "title_words", "conversations.id"), (_TURNS, "turn_words", "turns.id")):
        ids = f"SELECT rowid FROM {index} WHERE {index} MATCH ? ORDER BY rowid DESC LIMIT ?"
        yield from connection.execute(f"{rows} WHERE {id_} IN ({ids}) ORDER BY {id_} DESC", (asked, limit))


def _by_text(connection: Connection, wanted: list[str]) -> Iterator[Any]:
    for rows, text, id_ in ((_TITLES, "title", "conversations.id"), (_TURNS, "text", "turns.id")):
        holds = " AND ".join([f"instr({text}, ?)"] * len(wanted))
        yield from connection.execute(f"{rows} WHERE {holds} ORDER BY {id_} DESC", wanted)
