"""What a model writes, as a Python program iterates over it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from quoth.engine import Done, Event, Notice, Piece, Reason, Thought, TokenLogprob, Usage

Cancelled = Callable[[], bool]


def never() -> bool:
    """The `Cancelled` of what runs to its end."""
    return False


T = TypeVar("T")
E = TypeVar("E")


class Stream(Iterator[T], Generic[T, E]):
    """What a model writes, piece by piece. For one thread. Nothing is computed before the first piece is asked for."""

    def __init__(self, begin: Callable[[Cancelled], Iterator[E]]) -> None:
        self._cancelled = False
        self._events = begin(lambda: self._cancelled)
        self._text: list[str] = []
        self.notices: list[str] = []

    def __next__(self) -> T:
        for event in self._events:
            if (piece := self._take(event)) is not None:
                return piece
        raise StopIteration

    @abstractmethod
    def _take(self, event: E) -> T | None:
        """The piece that an event brings; what else it says is kept."""

    def cancel(self) -> None:
        """End it as soon as can be; what was written stays."""
        self._cancelled = True

    @property
    def text(self) -> str:
        """All of it; waits for the end."""
        for _ in self:
            pass
        return "".join(self._text)


class Answer(Stream[str, Event]):
    """Text as it comes: iterate over its pieces, or ask for `text`, which waits for the end.

    Raises InputError with the first piece if the prompt does not fit.
    """

    def __init__(self, begin: Callable[[Cancelled], Iterator[Event]]) -> None:
        super().__init__(begin)
        self._thought: list[str] = []
        self.reason: Reason | None = None  # None until it is over
        self.usage = Usage()
        self.logprobs: list[TokenLogprob] = []

    def _take(self, event: Event) -> str | None:
        match event:
            case Piece(_, text, logprobs):
                self._text.append(text)
                self.logprobs += logprobs
                return text
            case Thought(_, text):
                self._thought.append(text)
            case Notice(_, text):
                self.notices.append(text)
            case Done(_, reason, usage):
                self.reason, self.usage = reason, usage
        return None

    @property
    def thought(self) -> str:
        """What a reasoning model thought before it answered; waits for the end."""
        for _ in self:
            pass
        return "".join(self._thought)
