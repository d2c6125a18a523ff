"""What an engine says to a request, gathered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quoth.chat import Message
from quoth.engine import Chat, Done, Engine, Event, Piece, Reading, Request, Sampling, Text, Thought, TokenLogprob

GREEDY = Sampling(temperature=0.0)


@dataclass(frozen=True, slots=True)
class Said:
    """All events of one request."""

    events: tuple[Event, ...]

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Piece))

    @property
    def thought(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, Thought))

    @property
    def reading(self) -> list[Reading]:
        return [e for e in self.events if isinstance(e, Reading)]

    @property
    def logprobs(self) -> list[TokenLogprob]:
        return [token for e in self.events if isinstance(e, Piece) for token in e.logprobs]

    @property
    def done(self) -> Done:
        (done,) = [e for e in self.events if isinstance(e, Done)]
        return done


def say(engine: Engine, request: Request, stop: Callable[[], bool] = lambda: False) -> Said:
    return Said(tuple(engine.generate([request], stop=stop)))


def say_all(engine: Engine, requests: Sequence[Request], stop: Callable[[], bool] = lambda: False) -> list[Said]:
    events = list(engine.generate(requests, stop=stop))
    return [Said(tuple(e for e in events if e.request == number)) for number in range(len(requests))]


def text(prompt: str, max_tokens: int | None = 16, sampling: Sampling = GREEDY, **more: object) -> Request:
    return Request(Text(prompt), sampling, max_tokens, **more)  # type: ignore[arg-type]  # fields of Request


def chat(prompt: str, max_tokens: int | None = 16, sampling: Sampling = GREEDY, **more: object) -> Request:
    return Request(Chat((Message("user", prompt),)), sampling, max_tokens, **more)  # type: ignore[arg-type]  # as above


class Flag:
    """A stop that a test sets."""

    def __init__(self) -> None:
        self.set = False

    def __call__(self) -> bool:
        return self.set
