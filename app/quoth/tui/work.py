"""What ends in a turn of the conversation, whoever does it: it is kept whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.message import Message

from quoth.engine import Sampling, Usage
from quoth.errors import QuothError
from quoth.library.answer_fields import sampling_fields, usage_fields
from quoth.tui.history_writer import HistoryWriter, PendingId


@dataclass(slots=True, eq=False, kw_only=True)
class Work:
    """What ends in a turn of the conversation."""

    turn: PendingId
    begin: Callable[[], None]  # writes the turns of this work to the history
    private: bool
    model: str = ""  # which one does it, where that is not known before it begins
    stop: threading.Event = field(default_factory=threading.Event)
    kept: threading.Event = field(default_factory=threading.Event)  # set once the history has it
    said: str = ""
    thought: str = ""
    usage: Usage = field(default_factory=Usage)
    sampling: Sampling | None = None  # known once there is an engine


@dataclass
class TurnEnded(Message):
    """The answer is over; `error` says why if the engine or the input failed."""

    job: Work
    reason: str
    error: QuothError | None


def finished(work: Work, keeper: HistoryWriter, do: Callable[[list[str]], str]) -> TurnEnded:
    """Do work, and keep what was said whatever happens. `do` collects notices and returns the reason of the end."""
    reason, error, notices = "died", None, list[str]()
    try:
        reason = do(notices)
    except QuothError as caught:
        error = caught
    except Exception as caught:  # a bug must not end the app; the banner names it
        error = QuothError(f"{type(caught).__name__}: {caught}", "this is a bug", "Please report it")
    try:
        _keep(work, keeper, reason, notices)
    except Exception as caught:  # a bug too, and the screen waits for the end
        error = error or QuothError(f"{type(caught).__name__}: {caught}", "this is a bug", "Please report it")
    work.kept.set()
    return TurnEnded(work, reason, error)


def _keep(work: Work, keeper: HistoryWriter, reason: str, notices: list[str]) -> None:
    keeper.finish(
        work.turn,
        work.said,
        work.thought,
        reason,
        notice="; ".join(notices),
        **({"settings": sampling_fields(work.sampling)} if work.sampling is not None else {}),
        **usage_fields(work.usage),
    )
