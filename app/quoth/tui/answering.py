"""One answer, from the question to the last piece: runs in a thread, writes to the history, posts what happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from textual.message import Message as TextualMessage

from quoth.chat import Message
from quoth.engine import Done, Engine, Notice, Piece, Reading, Sampling, Thought
from quoth.history import Turn, messages_of
from quoth.tasks.reply import messages_to_drop, reply, with_system
from quoth.text import Cleaner
from quoth.tui.history_writer import HistoryWriter
from quoth.tui.work import Work, finished

# Pieces are posted together: to lay out and draw a screen takes 10 to 20 ms, and where all cores compute, the model
# waits for it.
JOIN_SECONDS = 0.1 if (os.cpu_count() or 1) >= 8 else 0.2
SLOW_SECONDS = 1.0  # a screen that has not shown the last piece by then gets the next all the same
RESERVE = 4  # the part of the context, one in four, that an answer can fill before turns are left out


@dataclass
class LeftOut(TextualMessage):
    """The oldest `messages` of the conversation do not fit and are not read."""

    job: Job
    messages: int


@dataclass
class ReadingProgress(TextualMessage):
    """Tokens of the prompt read, of a total, and seconds left (None: not known yet)."""

    job: Job
    done: int
    total: int
    reused: int
    seconds_left: float | None

    def can_replace(self, message: TextualMessage) -> bool:
        return isinstance(message, ReadingProgress)


@dataclass
class TextArrived(TextualMessage):
    """Text that came since the last one, and all tokens so far with the seconds they took."""

    job: Job
    text: str
    thought: str
    tokens: int
    seconds: float
    shown: threading.Event = field(default_factory=threading.Event)  # set by who has shown it


@dataclass
class Noticed(TextualMessage):
    """Something the person should know."""

    text: str


@dataclass(slots=True, eq=False, kw_only=True)
class Job(Work):
    """What to answer. `turns` is the path so far; with `goes_on` its last turn is the answer to continue."""

    turns: list[Turn]
    system: str
    sampling_of: Callable[[Engine], Sampling]
    max_tokens: int | None
    think: bool
    left_out: int = 0
    goes_on: bool = False
    extra: Message | None = None  # asked for in place of a turn, as /compact does

    @property
    def messages(self) -> list[Message]:
        said = messages_of(self.turns)
        return [*with_system(self.system, said), *([self.extra] if self.extra else [])]


class Answering:
    """Runs jobs against the engine that `engine` returns once it is loaded; it raises what loading raised."""

    def __init__(
        self,
        engine: Callable[[Callable[[], bool]], Engine | None],
        keeper: HistoryWriter,
        post: Callable[[TextualMessage], Any],
        clock: Callable[[], float],
    ) -> None:
        self._wait_for_engine = engine
        self._keeper = keeper
        self._post = post
        self._clock = clock

    def run(self, job: Job) -> None:
        """Never raises: whatever happens ends in one Ended, after what was said is in the history."""
        if job.goes_on:
            job.said, job.thought = job.turns[-1].text, job.turns[-1].thought

        def answer(notices: list[str]) -> str:
            job.begin()
            engine = self._wait_for_engine(job.stop.is_set)
            return "cancelled" if engine is None else self._answer(engine, job, notices)

        self._post(finished(job, self._keeper, answer))

    def _answer(self, engine: Engine, job: Job, notices: list[str]) -> str:
        messages = self._fitting(engine, job)
        stream = _Stream(job, self._keeper, self._post, self._clock)
        reason = "died"
        job.sampling = job.sampling_of(engine)
        events = reply(
            engine,
            messages,
            sampling=job.sampling,
            max_tokens=job.max_tokens,
            think=job.think,
            keep=not job.private,
            continue_last=job.goes_on,
            cancelled=job.stop.is_set,
        )
        try:
            for event in events:
                match event:
                    case Reading(_, done, total):
                        stream.read(done, total)
                    case Thought(_, text, tokens):
                        stream.say(thought=text, tokens=tokens)
                    case Piece(_, text, _, tokens):
                        stream.say(text=text, tokens=tokens)
                    case Notice(_, text):
                        notices.append(text)
                        self._post(Noticed(text))
                    case Done(_, reason, usage):
                        job.usage = usage
        finally:
            stream.end()
        return reason

    def _fitting(self, engine: Engine, job: Job) -> list[Message]:
        reserve = min(job.max_tokens or 1 << 30, engine.info.n_ctx // RESERVE)
        messages, border = fitting(engine, job.messages, reserve, job.left_out)
        if border:
            self._post(LeftOut(job, border))
        return messages


def fitting(engine: Engine, messages: list[Message], reserve: int, at_least: int = 0) -> tuple[list[Message], int]:
    """A conversation without its oldest messages, where not all leave `reserve` tokens; and how many are left out."""
    first = 1 if messages and messages[0].role == "system" else 0
    border = 0 if len(messages) - first < 2 else messages_to_drop(engine, messages, reserve, at_least)
    return [*messages[:first], *messages[first + border :]], border


class _Stream:
    """Joins what comes within a moment, cleans it, and keeps the history up to date."""

    def __init__(
        self, job: Job, keeper: HistoryWriter, post: Callable[[TextualMessage], Any], clock: Callable[[], float]
    ) -> None:
        self._job = job
        self._keeper = keeper
        self._post = post
        self._clock = clock
        self._cleaner, self._thought_cleaner = Cleaner(), Cleaner()
        self._text = self._thought = ""
        self._tokens = 0
        self._posted = self._begun = clock()
        self._first_read = 0
        self._last: TextArrived | None = None

    def read(self, done: int, total: int) -> None:
        elapsed = self._clock() - self._begun
        if done <= self._first_read or elapsed < 0.2:
            self._first_read = self._first_read or done
            left = None
        else:
            left = elapsed / (done - self._first_read) * (total - done)
        self._post(ReadingProgress(self._job, done, total, self._first_read, left))
        if done >= total:
            self._begun = self._posted = self._clock()

    def say(self, *, text: str = "", thought: str = "", tokens: int) -> None:
        self._text += self._cleaner.feed(text)
        self._thought += self._thought_cleaner.feed(thought)
        self._tokens += tokens
        first = not (self._job.said or self._job.thought)
        if first or (self._clock() - self._posted >= JOIN_SECONDS and self._is_shown()):
            self._send()

    def _is_shown(self) -> bool:
        """Whether the screen has kept up; a slow terminal gets fewer and larger pieces."""
        return self._last is None or self._last.shown.is_set() or self._clock() - self._posted > SLOW_SECONDS

    def _send(self) -> None:
        if not (self._text or self._thought):
            return
        job = self._job
        job.said += self._text
        job.thought += self._thought
        now = self._clock()
        self._last = TextArrived(job, self._text, self._thought, self._tokens, now - self._begun)
        self._post(self._last)
        self._keeper.write(job.turn, job.said, job.thought)
        self._text = self._thought = ""
        self._posted = now

    def end(self) -> None:
        self._text += self._cleaner.flush()
        self._thought += self._thought_cleaner.flush()
        self._send()
