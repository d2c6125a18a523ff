"""One reply, from the question to the last piece: runs in a thread, writes to the history, posts what happens."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from quoth.chat import Message
from quoth.engine import Done, Engine, Notice, Piece, Reading, Thought
from quoth.history import Turn, messages_of
from quoth.library.model import Model
from quoth.tasks.reply import messages_to_drop, with_system
from quoth.text import Cleaner
from quoth.tui.chat.running_turn import RunningTurn

if TYPE_CHECKING:
    from quoth.tui.chat.replies import Replies

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


def run_reply(reply: RunningReply, show: Replies) -> None:
    """Never raises: every reply ends in one call of `show.end`, after what was said is in the history."""
    if reply.continues:
        reply.said, reply.thought = reply.turns[-1].text, reply.turns[-1].thought
    reply.finish(lambda: _answer(reply, show))
    show.view.call(show.end, reply)


def _answer(reply: RunningReply, show: Replies) -> str:
    reply.begin()
    engine = reply.model.engine
    reserve = min(reply.max_tokens or 1 << 30, engine.info.n_ctx // RESERVE)
    asked = [*with_system(reply.system, messages_of(reply.turns)), *([reply.extra] if reply.extra else [])]
    messages, dropped = fitting(engine, asked, reserve, reply.messages_dropped)
    if dropped:
        show.view.call(show.dropped, reply, dropped)
    stream = _PieceJoiner(reply, show)
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
                    show.view.call(show.view.say, text)
                case Done(_, reason, usage):
                    reply.usage = usage
    finally:
        stream.end()
    return reason


def fitting(engine: Engine, messages: list[Message], reserve: int, at_least: int = 0) -> tuple[list[Message], int]:
    """A conversation without its oldest messages, where not all leave `reserve` tokens; and how many are dropped."""
    first = 1 if messages and messages[0].role == "system" else 0
    dropped = 0 if len(messages) - first < 2 else messages_to_drop(engine, messages, reserve, at_least)
    return [*messages[:first], *messages[first + dropped :]], dropped


class _PieceJoiner:
    """Joins what comes within a moment, cleans it, and keeps the history up to date."""

    def __init__(self, reply: RunningReply, show: Replies) -> None:
        self._reply = reply
        self._show = show
        self._cleaner, self._thought_cleaner = Cleaner(), Cleaner()
        self._text = self._thought = ""
        self._tokens = 0
        self._posted = self._begun = monotonic()
        self._first_read = 0
        self._shown = threading.Event()  # set by the screen that has shown the last piece
        self._shown.set()

    def read(self, done: int, total: int) -> None:
        elapsed = monotonic() - self._begun
        left = None
        if done > self._first_read and elapsed >= 0.2:
            left = elapsed / (done - self._first_read) * (total - done)
        else:
            self._first_read = self._first_read or done
        self._show.view.call(self._show.read, self._reply, done, total, left, latest=True)
        if done >= total:
            self._begun = self._posted = monotonic()

    def say(self, *, text: str = "", thought: str = "", tokens: int) -> None:
        self._text += self._cleaner.feed(text)
        self._thought += self._thought_cleaner.feed(thought)
        self._tokens += tokens
        first, waited = not (self._reply.said or self._reply.thought), monotonic() - self._posted
        # A slow terminal gets fewer and larger pieces.
        if first or waited > SLOW_SECONDS or (waited >= JOIN_SECONDS and self._shown.is_set()):
            self._send()

    def _send(self) -> None:
        if not (self._text or self._thought):
            return
        reply = self._reply
        reply.said += self._text
        reply.thought += self._thought
        now = monotonic()
        self._shown = threading.Event()
        rate = self._tokens / max(now - self._begun, 1e-6)
        self._show.view.call(self._show.text, reply, self._text, self._thought, rate, self._shown)
        reply.writer.write(reply.turn, reply.said, reply.thought)
        self._text = self._thought = ""
        self._posted = now

    def end(self) -> None:
        self._text += self._cleaner.flush()
        self._thought += self._thought_cleaner.flush()
        self._send()
