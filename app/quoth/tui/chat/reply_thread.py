"""One reply, from the question to the last piece: runs in a thread, writes to the history, posts what happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from quoth.chat import Message
from quoth.engine import Done, Engine, Notice, Piece, Reading, Thought
from quoth.history import Turn, messages_of
from quoth.library.model import Model
from quoth.tasks.reply import messages_to_drop, with_system
from quoth.text import Cleaner
from quoth.tui.chat.running_turn import RunningTurn, TurnEnded

# Pieces are posted together: to lay out and draw a screen takes 10 to 20 ms, and where all cores compute, the model
# waits for it.
JOIN_SECONDS = 0.1 if (os.cpu_count() or 1) >= 8 else 0.2
SLOW_SECONDS = 1.0  # a screen that has not shown the last piece by then gets the next all the same
RESERVE = 4  # the part of the context, one in four, that an answer can fill before messages are dropped


@dataclass(slots=True, eq=False, kw_only=True)
class RunningReply(RunningTurn):
    """What to reply to. `turns` is the path so far; with `continues` its last turn is the answer to continue."""

    model: Model
    turns: Sequence[Turn]
    system: str
    max_tokens: int | None
    messages_dropped: int = 0
    continues: bool = False
    extra: Message | None = None  # asked for in place of a turn, as /compact does

    @property
    def messages(self) -> list[Message]:
        said = messages_of(self.turns)
        return [*with_system(self.system, said), *([self.extra] if self.extra else [])]


@dataclass
class MessagesDropped:
    """The oldest `messages` of the conversation do not fit and are not read."""

    turn: RunningReply
    messages: int


@dataclass
class PromptRead:
    """Tokens of the prompt read, of a total, and seconds left (None: not known yet)."""

    turn: RunningReply
    done: int
    total: int
    seconds_left: float | None


@dataclass
class TextArrived:
    """Text that came since the last one, and all tokens so far with the seconds they took."""

    turn: RunningReply
    text: str
    thought: str
    tokens: int
    seconds: float
    shown: threading.Event = field(default_factory=threading.Event)  # set by the screen that has shown it


@dataclass
class Noticed:
    """Something the user should know."""

    text: str


ReplyEvent = MessagesDropped | PromptRead | TextArrived | Noticed | TurnEnded
Post = Callable[[ReplyEvent], object]


def run_reply(reply: RunningReply, post: Post, clock: Callable[[], float] = monotonic) -> None:
    """Never raises: whatever happens ends in one TurnEnded, after what was said is in the history."""
    if reply.continues:
        reply.said, reply.thought = reply.turns[-1].text, reply.turns[-1].thought
    post(reply.finish(lambda: _answer(reply, post, clock)))


def _answer(reply: RunningReply, post: Post, clock: Callable[[], float]) -> str:
    """Returns the reason of the end."""
    reply.begin()
    messages = _fitting(reply, post)
    stream = _PieceJoiner(reply, post, clock)
    reason = "died"
    reply.sampling = reply.model.sampling()
    events = reply.model.replying(
        messages,
        reply.sampling,
        system="",
        private=reply.private,
        continue_last=reply.continues,
        cancelled=reply.stop.is_set,
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
                    reply.notices.append(text)
                    post(Noticed(text))
                case Done(_, reason, usage):
                    reply.usage = usage
    finally:
        stream.end()
    return reason


def _fitting(reply: RunningReply, post: Post) -> list[Message]:
    engine = reply.model.engine
    reserve = min(reply.max_tokens or 1 << 30, engine.info.n_ctx // RESERVE)
    messages, dropped = fitting(engine, reply.messages, reserve, reply.messages_dropped)
    if dropped:
        post(MessagesDropped(reply, dropped))
    return messages


def fitting(engine: Engine, messages: list[Message], reserve: int, at_least: int = 0) -> tuple[list[Message], int]:
    """A conversation without its oldest messages, where not all leave `reserve` tokens; and how many are dropped."""
    first = 1 if messages and messages[0].role == "system" else 0
    dropped = 0 if len(messages) - first < 2 else messages_to_drop(engine, messages, reserve, at_least)
    return [*messages[:first], *messages[first + dropped :]], dropped


class _PieceJoiner:
    """Joins what comes within a moment, cleans it, and keeps the history up to date."""

    def __init__(self, reply: RunningReply, post: Post, clock: Callable[[], float]) -> None:
        self._reply = reply
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
        self._post(PromptRead(self._reply, done, total, left))
        if done >= total:
            self._begun = self._posted = self._clock()

    def say(self, *, text: str = "", thought: str = "", tokens: int) -> None:
        self._text += self._cleaner.feed(text)
        self._thought += self._thought_cleaner.feed(thought)
        self._tokens += tokens
        first = not (self._reply.said or self._reply.thought)
        if first or (self._clock() - self._posted >= JOIN_SECONDS and self._is_shown()):
            self._send()

    def _is_shown(self) -> bool:
        """Whether the screen has kept up; a slow terminal gets fewer and larger pieces."""
        return self._last is None or self._last.shown.is_set() or self._clock() - self._posted > SLOW_SECONDS

    def _send(self) -> None:
        if not (self._text or self._thought):
            return
        reply = self._reply
        reply.said += self._text
        reply.thought += self._thought
        now = self._clock()
        self._last = TextArrived(reply, self._text, self._thought, self._tokens, now - self._begun)
        self._post(self._last)
        reply.writer.write(reply.turn, reply.said, reply.thought)
        self._text = self._thought = ""
        self._posted = now

    def end(self) -> None:
        self._text += self._cleaner.flush()
        self._thought += self._thought_cleaner.flush()
        self._send()
