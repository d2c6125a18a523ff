"""A turn that is being answered, by a chat or from documents: what was said is kept however it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quoth.engine import Sampling, Usage
from quoth.errors import QuothError
from quoth.library.answer_fields import sampling_fields, usage_fields
from quoth.tui.history_writer import HistoryWriter, PendingId


@dataclass(slots=True, eq=False, kw_only=True)
class RunningTurn:
    """What the thread that answers knows of its turn, and has said in it."""

    turn: PendingId
    writer: HistoryWriter
    new: Sequence[Callable[[str], None]] = ()  # what writes the new turns to the history, given the model's name
    private: bool
    model_name: str = ""  # known once there is a model
    stop: threading.Event = field(default_factory=threading.Event)
    kept: threading.Event = field(default_factory=threading.Event)  # set once the history has all of it
    said: str = ""
    thought: str = ""
    usage: Usage = field(default_factory=Usage)
    sampling: Sampling | None = None
    notices: list[str] = field(default_factory=list)
    reason: str = "died"  # of its end
    error: QuothError | None = None  # why, if the engine or the input failed

    def begin(self) -> None:
        """Write the turns to the history."""
        for write in self.new:
            write(self.model_name)

    def finish(self, answer: Callable[[], str]) -> None:
        """Answer, and keep what was said however that ends; `answer` returns the reason."""
        try:
            self.reason = answer()
        except QuothError as error:
            self.error = error
        except Exception as error:  # a bug must not end the app; the banner names it
            self.error = bug(error)
        try:
            more = usage_fields(self.usage)
            if self.sampling is not None:
                more["settings"] = sampling_fields(self.sampling)
            self.writer.finish(self.turn, self.said, self.thought, self.reason, notice="; ".join(self.notices), **more)
        except Exception as error:  # a bug too, and the screen waits for the end
            self.error = self.error or bug(error)
        self.kept.set()


def bug(error: BaseException) -> QuothError:
    """A bug as the banner names it."""
    return QuothError(f"{type(error).__name__}: {error}", "this is a bug", "Please report it")
