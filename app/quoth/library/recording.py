"""A question and its answer, saved while the answer comes. A history that cannot be written never stops an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from quoth.chat import Attachment
from quoth.engine import Done, Event, Piece, Thought
from quoth.errors import Ended, EngineError, InputError, StorageError
from quoth.history.records import Conversation, Origin, Turn
from quoth.history.sqlite_history import History
from quoth.library.answer_fields import usage_fields

WRITE_INTERVAL = 1.0  # seconds
# Seconds to wait for another process's lock: while the user waits for the answer, and once it is complete.
SHORT_LOCK_WAIT, LOCK_WAIT = 0.25, 5.0


class Recording:
    """Call `begin`, then `said` and `thought` as the answer comes, then `end`; further calls of `end` change nothing.

    The answer's turn is created by the first write after a second, or at the end. `problem` says in one sentence why
    something was not saved, or is empty.
    """

    def __init__(
        self,
        history: History,
        text: str,
        documents: Sequence[Attachment] = (),
        *,
        after: Conversation | None = None,
        system: str = "",
        origin: Origin = "prompt",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`after` is the conversation to continue; without one a new one begins."""
        self.problem = ""
        self.conversation = after.id if after else None
        self._history = history
        self._text, self._documents = text, tuple(documents)
        self._after, self._system, self._origin = after, system, origin
        self._clock = clock
        self._question: int | None = None
        self._answer: int | None = None
        self._said: list[str] = []
        self._thought: list[str] = []
        self._about: dict[str, Any] = {}
        self._numbers: Mapping[str, int | float] = {}
        self._reason = ""
        self._ended = False
        self._next = clock() + WRITE_INTERVAL

    def begin(self) -> None:
        """Save the question."""
        self._history.wait_for_locks(SHORT_LOCK_WAIT)
        self._try(self._ask)
        self._next = self._clock() + WRITE_INTERVAL

    def about(self, model: str, settings: Mapping[str, Any]) -> None:
        """Which model answers, with which settings."""
        self._about = {"model": model, "settings": settings}

    def said(self, text: str) -> None:
        self._said.append(text)
        self._write_sometimes()

    def thought(self, text: str) -> None:
        self._thought.append(text)
        self._write_sometimes()

    def done(self, reason: str, numbers: Mapping[str, int | float]) -> None:
        """The engine's reason for the end, which overrides that of `end`, and its token counts and seconds."""
        self._reason, self._numbers = reason, numbers

    def end(self, reason: str, notice: str = "", *, lock_wait: float = LOCK_WAIT) -> None:
        """Save the whole answer and why it ended."""
        if self._ended:
            return
        self._ended = True
        self._history.wait_for_locks(lock_wait)
        self._try(lambda: self._finish(self._reason or reason, notice))

    def refused(self, why: str) -> None:
        """The engine refused the question: it is removed again, unless an answer has begun."""
        if self._said or self._thought or self._ended:
            self.end("length", why)
            return
        question, self._ended = self._question, True
        if question is not None:
            self._try(lambda: self._history.discard(question))

    def _ask(self) -> tuple[int, int]:
        """The conversation and the question in it, saved if it is not yet. Raises StorageError."""
        if self.conversation is not None and self._question is not None:
            return self.conversation, self._question
        history, after = self._history, self._after
        history.open()
        if not history.writable:
            raise StorageError(history.problem)
        if after is None:
            asked = history.begin(self._text, self._documents, system=self._system, origin=self._origin)
        else:
            asked = after.id, history.add(after.id, after.leaf, "user", self._text, documents=self._documents)
        self.problem = history.problem
        self.conversation, self._question = asked
        return asked

    def _write_sometimes(self) -> None:
        if self._clock() < self._next:
            return
        self._history.wait_for_locks(SHORT_LOCK_WAIT)
        self._try(self._write)
        self._next = self._clock() + WRITE_INTERVAL

    def _write(self) -> None:
        conversation, question = self._ask()
        if self._answer is None:
            self._answer = self._history.add(conversation, question, "assistant", "", **self._about, ended=False)
        self._history.write(self._answer, "".join(self._said), "".join(self._thought))

    def _finish(self, reason: str, notice: str) -> None:
        conversation, question = self._ask()
        text, thought = "".join(self._said), "".join(self._thought)
        if self._answer is not None:
            self._history.finish(self._answer, text, thought, reason, notice=notice, **self._numbers)
            return
        whole: dict[str, Any] = {"thought": thought, "reason": reason, "notice": notice, **self._about, **self._numbers}
        self._answer = self._history.record(Turn(0, conversation, question, "assistant", text, **whole))

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except StorageError as error:
            self.problem = str(error)


@contextmanager
def kept(recording: Recording, tell: Callable[[str], object]) -> Iterator[None]:
    """Save a question before its answer, and the answer however it ends; `tell` gets what could not be saved."""
    recording.begin()
    try:
        yield
    except InputError as error:  # it did not fit, or its value does not fit the schema
        recording.refused(str(error))
        raise
    except EngineError as error:
        recording.end("died", str(error))
        raise
    except BaseException as error:
        recording.end("cancelled", lock_wait=SHORT_LOCK_WAIT * 2 if isinstance(error, Ended) else LOCK_WAIT)
        raise
    else:
        recording.end("stop")
    finally:
        if recording.problem:
            tell(f"this conversation is not kept: {recording.problem}")


def recorded(events: Generator[Event, None, None], recording: Recording) -> Generator[Event, None, None]:
    """Pass events on, and save what they say."""
    for event in events:
        match event:
            case Piece(_, text):
                recording.said(text)
            case Thought(_, text):
                recording.thought(text)
            case Done(_, reason, usage):
                recording.done(reason, usage_fields(usage))
        yield event
