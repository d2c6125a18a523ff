"""The history: conversations as trees of turns, in one SQLite file, or in memory where nothing may be kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection, DatabaseError
from typing import Any

from quoth.chat import Attachment
from quoth.errors import StorageError, UsageError
from quoth.history.database import Database
from quoth.history.records import Conversation, Hit, Origin, Role, Turn, title_of
from quoth.history.rescue import copy_conversation
from quoth.history.search import search
from quoth.history.sql_tables import Tables
from quoth.history.turn_locks import TurnWriter, is_running, remove_stale_locks
from quoth.text import one_line, well_formed

INTERRUPTED = "interrupted"


class History:
    """All conversations. Safe to use from several threads, and by several processes at once.

    If the file cannot be used, everything works in memory; if it can only be read, methods that write raise
    StorageError. In both cases `writable` is False and `problem` says why.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(path, self._copy_current)
        self._writer = TurnWriter(path)
        self._clock = clock
        self._current: int | None = None  # the conversation that was written last
        self._opened = False

    @property
    def writable(self) -> bool:
        """Whether what is written is kept as intended: in the file, or in memory if there is to be no file."""
        database = self._database
        return not self._failure() and not database.read_only and (not database.in_memory or database.path is None)

    @property
    def problem(self) -> str:
        """Why nothing is kept, or what happened to the file: one sentence, or nothing."""
        return self._failure() or self._database.problem

    @property
    def in_memory(self) -> bool:
        """Whether all of it is gone at the end of this process."""
        self._failure()
        return self._database.in_memory

    def open(self) -> None:
        """Open the file now, and end the turns whose writer is gone. Raises StorageError if it cannot be read."""
        if self._opened:
            return
        database = self._database
        with database.read():
            on_disk = not (database.in_memory or database.read_only)
            gone = self._gone() if on_disk else set()
        if on_disk and database.path:
            remove_stale_locks(database.path)
        if gone:
            with database.write() as connection:
                tables = Tables(connection)
                for id_ in gone & self._gone():
                    turn = tables.turn(id_)
                    ended = replace(turn, reason=INTERRUPTED, ended=turn.ended or turn.created)
                    tables.replace_turn(turn, ended)
        self._opened = True

    def wait_for_locks(self, seconds: float) -> None:
        """Set how long a call waits while another program has the file locked; 5 seconds unless set."""
        self._database.lock_wait = seconds

    def new(self, *, title: str = "", system: str = "", origin: Origin = "chat") -> int:
        """Begin a conversation; returns its id."""
        with self._write() as tables:
            return tables.add_conversation(title, system, origin, self._clock())

    def add(
        self,
        conversation: int,
        parent: int | None,
        role: Role,
        text: str,
        *,
        documents: Sequence[Attachment] = (),
        model: str = "",
        settings: Mapping[str, Any] | None = None,
        ended: bool = True,
    ) -> int:
        """Add a turn below `parent` and make it the leaf; returns its id. Without `ended` it is open until `finish`.

        The first question gives the conversation its title if it has none.
        """
        now = self._clock()
        turn = Turn(0, conversation, parent, role, text, "", tuple(documents), model, settings or {}, created=now)
        with self._write(conversation) as tables:
            return self._put(tables, replace(turn, reason="stop", ended=now) if ended else turn)

    def record(self, turn: Turn) -> int:
        """Add a finished turn, as `add` and `finish` would in two steps; its id and times are set here."""
        with self._write(turn.conversation) as tables:
            return self._put(tables, replace(turn, created=self._clock(), ended=self._clock()))

    def begin(
        self, text: str, documents: Sequence[Attachment] = (), *, system: str = "", origin: Origin = "chat"
    ) -> tuple[int, int]:
        """A new conversation with its first question, in one step; returns both ids."""
        now = self._clock()
        with self._write() as tables:
            conversation = tables.add_conversation("", system, origin, now)
            turn = Turn(0, conversation, None, "user", text, documents=tuple(documents), created=now)
            return conversation, self._put(tables, replace(turn, reason="stop", ended=now))

    def write(self, turn: int, text: str, thought: str = "") -> None:
        """Set what has been said so far. A turn that had ended is open again."""
        with self._write() as tables:
            old = tables.turn(turn)
            tables.replace_turn(old, replace(old, text=text, thought=thought, reason=""), self._hold())

    def finish(self, turn: int, text: str, thought: str, reason: str, *, notice: str = "", **fields: Any) -> None:
        """Set all that was said, and why it ended. `fields` are those of Turn: the numbers, from prompt_tokens to
        write_seconds, and `settings` if they were not known when the turn was added."""
        now = self._clock()
        changes: dict[str, Any] = {"text": text, "thought": thought, "reason": reason, "notice": notice, **fields}
        with self._write() as tables:
            old = tables.turn(turn)
            tables.replace_turn(old, replace(old, **changes, ended=now))
            tables.touch(old.conversation, now)

    def edit(self, turn: int, text: str) -> None:
        """Replace the text of a summary. Raises ValueError for other turns: those get a sibling."""
        with self._write() as tables:
            old = tables.turn(turn)
            if old.role != "summary":
                raise ValueError(f"turn {turn} is not a summary, its role is {old.role}")
            tables.replace_turn(old, replace(old, text=text))

    def path(self, conversation: int, leaf: int | None = None) -> list[Turn]:
        """The turns from the root to the leaf, the current one if none is named.

        In a damaged file: what can be read from the leaf upwards, and `problem` says so.
        """
        with self._read() as tables:
            kept = tables.conversation(conversation).leaf
            self._check_member(tables, conversation, leaf)
            return self._readable(tables.upwards(kept if leaf is None else leaf))[::-1]

    def tree(self, conversation: int) -> list[Turn]:
        """All turns of a conversation by id: parents come before their children."""
        with self._read() as tables:
            tables.conversation(conversation)
            return self._readable(tables.tree(conversation))

    def siblings(self, turn: int) -> list[int]:
        """The turns with the same parent, by id, itself among them."""
        with self._read() as tables:
            return tables.siblings(tables.turn(turn))

    def select(self, turn: int) -> int:
        """Make the newest descendant of a turn the leaf, or the turn itself; returns it."""
        with self._write() as tables:
            conversation = tables.turn(turn).conversation
            leaf = tables.newest_below(turn)
            tables.set_leaf(conversation, leaf, self._clock())
            return leaf

    def conversation(self, id: int) -> Conversation:
        """Raises UsageError if there is none."""
        with self._read() as tables:
            return tables.conversation(id)

    def conversations(self, limit: int = 100, offset: int = 0) -> list[Conversation]:
        """The last changed first; all of them with limit -1."""
        with self._read() as tables:
            return tables.conversations(limit, offset)

    def last(self) -> Conversation | None:
        """The conversation that was changed last."""
        return next(iter(self.conversations(1)), None)

    def search(self, words: str, limit: int = 50) -> list[Hit]:
        """Titles, then turns, that have all the words; the newest first. Any text is a search."""
        with self._read() as tables:
            return search(tables.connection, well_formed(words), limit)

    def rename(self, conversation: int, title: str) -> None:
        with self._write(conversation) as tables:
            tables.conversation(conversation)
            tables.set_title(conversation, one_line(title, 200))
            tables.touch(conversation, self._clock())

    def set_system(self, conversation: int, system: str) -> None:
        with self._write(conversation) as tables:
            tables.conversation(conversation)
            tables.execute("UPDATE conversations SET system = ? WHERE id = ?", (well_formed(system), conversation))
            tables.touch(conversation, self._clock())

    def delete(self, conversation: int) -> None:
        """Remove a conversation with all its turns."""
        with self._write() as tables:
            tables.conversation(conversation)
            tables.delete_conversation(conversation)

    def compact(self) -> None:
        """Remove the words of deleted texts from the index; the pages themselves were overwritten."""
        with self._write() as tables:
            for index in ("turn_words", "title_words"):
                tables.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")

    def discard(self, turn: int) -> None:
        """Remove a turn that nothing follows, and its conversation if nothing is left of it."""
        with self._write() as tables:
            found = tables.turn(turn)
            tables.delete_turns([found])
            if tables.conversation(found.conversation).turns:
                tables.set_leaf(found.conversation, found.parent, self._clock())
            else:
                tables.delete_conversation(found.conversation)

    def fork(self, turn: int) -> int:
        """A new conversation with copies of the path to a turn; returns its id."""
        with self._write() as tables:
            path = self._readable(tables.upwards(turn))[::-1]
            source = tables.conversation(path[-1].conversation)
            return self._copy(tables, source, path, path[-1].id)

    def add_copies(self, trees: Iterable[tuple[Conversation, Sequence[Turn]]]) -> list[int]:
        """Add copies of conversations with their trees, all or none; returns the new ids."""
        with self._write() as tables:
            return [self._copy(tables, each, tree, each.leaf) for each, tree in trees]

    def close(self) -> None:
        self._writer.close()
        self._database.close()

    def _put(self, tables: Tables, turn: Turn) -> int:
        """Insert a turn as the leaf of its conversation."""
        conversation = tables.conversation(turn.conversation)
        self._check_member(tables, turn.conversation, turn.parent)
        id_ = tables.add_turn(turn, "" if turn.reason else self._hold())
        if not conversation.title and turn.role == "user":
            tables.set_title(conversation.id, title_of(turn.text, turn.documents))
        tables.set_leaf(conversation.id, id_, self._clock())
        self._current = conversation.id
        return id_

    def _copy(self, tables: Tables, source: Conversation, tree: Iterable[Turn], leaf: int | None) -> int:
        """A new conversation with copies of turns; parents come before their children."""
        conversation = tables.add_conversation(source.title, source.system, source.origin, self._clock())
        ids: dict[int | None, int | None] = {None: None}
        for turn in tree:
            reason = turn.reason or INTERRUPTED
            copy = replace(turn, conversation=conversation, parent=ids[turn.parent], reason=reason)
            ids[turn.id] = tables.add_turn(copy)
        tables.execute(
            "UPDATE conversations SET leaf = ?, created = ?, changed = ? WHERE id = ?",
            (ids[leaf], source.created, source.changed, conversation),
        )
        return conversation

    def _check_member(self, tables: Tables, conversation: int, turn: int | None) -> None:
        if turn is not None and tables.turn(turn).conversation != conversation:
            raise UsageError(f"turn {turn} is not in conversation {conversation}", "", "Name one of its turns")

    def _readable(self, turns: Iterable[Turn]) -> list[Turn]:
        """The turns until one cannot be read; an open one whose writer is gone is shown as interrupted."""
        read: list[Turn] = []
        try:
            for turn in turns:
                read.append(turn)
        except DatabaseError as error:
            if not read:
                raise
            self._database.explained(error)
        gone = self._gone() if any(not turn.reason for turn in read) else set()
        return [replace(turn, reason=INTERRUPTED) if turn.id in gone else turn for turn in read]

    @contextmanager
    def _read(self) -> Iterator[Tables]:
        self.open()
        with self._database.read() as connection:
            yield Tables(connection)

    @contextmanager
    def _write(self, conversation: int | None = None) -> Iterator[Tables]:
        """A transaction. If the file was deleted meanwhile, the conversation in use goes along to the new one."""
        self.open()
        self._current = conversation or self._current
        with self._database.write() as connection:
            yield Tables(connection)

    def _failure(self) -> str:
        """Why the history cannot be used now, or nothing."""
        try:
            self.open()
        except StorageError as error:
            return str(error)
        return ""

    def _gone(self) -> set[int]:
        """Open turns whose writer no longer runs."""
        path = self._database.path
        found = Tables(self._database.connection()).open_turns()
        writers = {writer for _, writer in found if writer != self._writer.name}
        dead = {writer for writer in writers if path is None or not is_running(path, writer)}
        return {id_ for id_, writer in found if writer in dead}

    def _hold(self) -> str:
        if self._database.in_memory:
            return self._writer.name
        try:
            return self._writer.hold()
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise StorageError("the history cannot be written", why, "Check the disk and its permissions") from None

    def _copy_current(self, old: Connection, new: Connection) -> None:
        if self._current is not None:
            copy_conversation(old, new, self._current)
