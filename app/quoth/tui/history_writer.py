"""Writes what is said to the history, and goes on trying where that fails: nothing waits for it, nothing is lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quoth.errors import QuothError, StorageError, UsageError
from quoth.history import History

WRITE_SECONDS = 1.0  # an answer that streams is written this often


@dataclass(slots=True, eq=False)
class PendingId:
    """A conversation or a turn that will have an id once it is written."""

    id: int | None = None


def stored(ref: PendingId) -> int:
    """The id of what is written by now. Raises UsageError if it was never written: its conversation was removed."""
    if ref.id is None:
        raise UsageError("this is not in the history", "its conversation was removed meanwhile", "Begin a new one")
    return ref.id


class HistoryWriter:
    """Writes in order. What cannot be written is kept, with everything after it, until `flush` succeeds.

    What belongs to a conversation that was removed meanwhile is dropped, and `problem` says so.
    """

    def __init__(self, history: History, clock: Callable[[], float] = time.monotonic) -> None:
        self.history = history
        self.problem = ""
        self._clock = clock
        self._waiting: deque[Callable[[], object]] = deque()
        self._lock = threading.RLock()
        self._written: dict[PendingId, float] = {}

    @property
    def waiting(self) -> int:
        """Writes that have not succeeded yet."""
        return len(self._waiting)

    def new(self, conversation: PendingId, **fields: Any) -> None:
        """Begin a conversation, unless it has begun."""

        def write() -> None:
            if conversation.id is None:
                conversation.id = self.history.new(**fields)

        self.do(write)

    def add(
        self, turn: PendingId, conversation: PendingId, parent: PendingId | None, role: Any, text: str, **fields: Any
    ) -> None:
        def write() -> None:
            above = stored(parent) if parent else None
            turn.id = self.history.add(stored(conversation), above, role, text, **fields)

        self.do(write)

    def write(self, turn: PendingId, text: str, thought: str) -> None:
        """What has been said so far; at most once a second, and a failure is left to `finish`."""
        now = self._clock()
        if turn.id is None or now - self._written.get(turn, float("-inf")) < WRITE_SECONDS:
            return
        self._written[turn] = now
        try:
            self.history.write(turn.id, text, thought)
        except QuothError as error:
            self.problem = str(error)

    def finish(self, turn: PendingId, text: str, thought: str, reason: str, **fields: Any) -> None:
        self._written.pop(turn, None)
        self.do(lambda: self.history.finish(stored(turn), text, thought, reason, **fields))

    def do(self, write: Callable[[], object]) -> None:
        """Any write, in its place in the order."""
        with self._lock:
            self._waiting.append(write)
            self.flush()

    def flush(self) -> bool:
        """Write what waits; False and a `problem` if the history still refuses."""
        with self._lock:
            problem = ""
            while self._waiting:
                try:
                    self._waiting[0]()
                except StorageError as error:
                    self.problem = str(error)
                    return False
                except QuothError as error:  # it can never succeed, and what waits behind it can
                    problem = str(error)
                self._waiting.popleft()
            self.problem = problem
            return True
