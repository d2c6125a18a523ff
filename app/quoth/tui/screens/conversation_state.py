"""What a conversation on the screen is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from quoth.history import Turn
from quoth.tui.history_writer import PendingId


@dataclass
class Entry:
    """A turn of the conversation on the screen, and its place in the history."""

    turn: Turn
    ref: PendingId


@dataclass
class Talk:
    """The conversation on the screen."""

    ref: PendingId = field(default_factory=PendingId)
    system: str = ""
    title: str = ""
    path: list[Entry] = field(default_factory=list)
    left_out: int = 0  # messages that did not fit any more
