"""The port without a model: it says what it was given. For tests and pictures that must not depend on weights."""

from __future__ import annotations

import math
import re
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from quoth.chat import Message
from quoth.engine import (
    Chat,
    Done,
    Event,
    ModelInfo,
    Notice,
    Piece,
    Reading,
    Reason,
    Request,
    Scored,
    ScoreEvent,
    Scoring,
    Text,
    Thought,
    TokenLogprob,
    Usage,
)
from quoth.errors import EngineError, InputError, ModelError, QuothError
from quoth.text import StopStrings

SLICE = 64  # tokens after which it says how far it has read
_TOKEN = re.compile(r" ?\w+| ?[^\w\s]|\s", re.DOTALL)  # a word or a sign with the space before it, or one space
_INFO = ModelInfo(
    name="scripted",
    architecture="scripted",
    kind="chat",
    n_ctx_train=4096,
    n_ctx=4096,
    n_params=0,
    size=0,
    quantization="none",
    runs_on="a script",
    threads=1,
    layers=1,
    on_gpu=0,
)


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What is said to one request. Every piece counts as a token; the error is raised after them."""

    pieces: tuple[str, ...] = ()
    thoughts: tuple[str, ...] = ()
    notice: str = ""
    reason: Reason = "stop"  # unless a limit, a stop string or the caller ends it first
    error: QuothError | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds, all of them waited for before the event."""

    slice: float = 0.0  # SLICE tokens of a prompt
    piece: float = 0.0


Script = Callable[[Request], "ScriptedAnswer | str"]


def unheard_of(scoring: Scoring, token: str) -> float:
    """Minus one for each word that the input does not have, in whatever case."""
    given = scoring.input
    text = given.text if isinstance(given, Text) else "\n".join(m.text for m in given.messages)
    words = {word.strip().casefold() for word in split(text)}
    return -1.0 if any(map(str.isalnum, token)) and token.strip().casefold() not in words else 0.0


class Scripted:
    """The Engine port, replaying answers in order; `requests` and `scorings` are those it got."""

    def __init__(
        self,
        answers: Iterable[ScriptedAnswer | str] | Script = (),
        *,
        likelihood: Callable[[Scoring, str], float] = unheard_of,
        odds: Callable[[Scoring], float] = lambda scoring: 5.0,
        info: ModelInfo = _INFO,
        timing: Timing | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """A text is an answer that comes token by token; a function makes an answer of each request.

        `likelihood` gives the log-probability of a token of a text to score, `odds` those of "yes" against "no" where
        the text is "yes" and alternatives are asked for.
        """
        self.info = info
        self.requests: list[Request] = []
        self.scorings: list[Scoring] = []
        self.closed = False
        self._script = answers if callable(answers) else _in_order(answers)
        self._likelihood = likelihood
        self._odds = odds
        self._timing = timing or Timing()
        self._sleep = sleep
        self._read: list[int] = []

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        return [len(self.tokenize(i if isinstance(i, str) else self._render(i))) for i in inputs]

    def tokenize(self, text: str) -> list[int]:
        return [_id(token) for token in split(text)]

    def offsets(self, text: str) -> Sequence[int]:
        return [match.end() for match in _TOKEN.finditer(text)]

    def _render(self, messages: Sequence[Message]) -> str:
        if self.info.kind == "base":
            next_step = 'Continue a text with "quoth complete TEXT"'
            raise ModelError(f"{self.info.name} is a base model", "it has no chat template", next_step)
        return "".join(f"{m.role}: {m.text}\n" for m in messages) + "assistant:"

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        if self.closed:
            raise EngineError("the engine is closed")
        prompts = [self._prompt(request.input) for request in requests]
        for request, prompt in zip(requests, prompts, strict=True):
            if request.total_tokens is not None and len(prompt) >= request.total_tokens:
                raise InputError(f"the text has {len(prompt):,} tokens", "nothing is left to write")
        for number, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            self.requests.append(request)
            yield from self._run(number, request, prompt, stop)

    def _prompt(self, given: Chat | Text, more: str = "") -> list[int]:
        """The tokens of an input and of a text behind it. Raises InputError."""
        text = self._render(given.messages) if isinstance(given, Chat) else given.text
        tokens = (self.tokenize(text) or [0]) + self.tokenize(more)
        if len(tokens) > self.info.n_ctx + (1 if more else -1):  # the last token of a text to score is not read
            raise InputError(
                f"the prompt has {len(tokens):,} tokens and {self.info.name} reads {self.info.n_ctx:,}",
                "nothing was cut and nothing was computed",
                "Shorten the input",
            )
        return tokens

    def score(
        self, scorings: Sequence[Scoring], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[ScoreEvent, None, None]:
        if self.closed:
            raise EngineError("the engine is closed")
        prompts = [self._prompt(scoring.input, scoring.text) for scoring in scorings]
        for number, (scoring, prompt) in enumerate(zip(scorings, prompts, strict=True)):
            tokens = split(scoring.text)
            reused = min(self._reused(prompt[:-1]), len(prompt) - len(tokens) - 1) if tokens else 0
            if stop() or (tokens and not (yield from self._reading(number, prompt[:-1], reused, stop))):
                return
            self.scorings.append(scoring)
            if scoring.text == "yes" and scoring.top:
                logprobs: tuple[TokenLogprob, ...] = (_yes(self._odds(scoring)),)
            else:
                logprobs = tuple(_logprob(token, self._likelihood(scoring, token), scoring.top) for token in tokens)
            seconds = self._timing.slice * (len(prompt) - reused) / SLICE
            yield Scored(number, logprobs, Usage(len(prompt), reused, read_seconds=seconds))

    def _run(self, number: int, request: Request, prompt: list[int], stop: Callable[[], bool]) -> Iterator[Event]:
        reused = self._reused(prompt)
        if not (yield from self._reading(number, prompt, reused, stop)):
            yield Done(number, "cancelled", Usage(len(prompt), reused))
            return
        answer = self._script(request)
        answer = ScriptedAnswer(tuple(split(answer))) if isinstance(answer, str) else answer
        if answer.notice:
            yield Notice(number, answer.notice)
        said = yield from self._say(number, request, answer, len(prompt), stop)
        yield Done(number, said[0], Usage(len(prompt), reused, said[1]))

    def _reading(
        self, number: int, prompt: list[int], reused: int, stop: Callable[[], bool]
    ) -> Generator[Reading, None, bool]:
        """The events of reading; returns whether all was read before a stop."""
        for done in (*range(reused, len(prompt), SLICE), len(prompt)):
            if stop():
                return False
            self._sleep(self._timing.slice if done > reused else 0.0)
            yield Reading(number, done, len(prompt))
        self._read = prompt
        return True

    def _reused(self, prompt: list[int]) -> int:
        """Tokens at the beginning that were read the last time; the last one is always read."""
        same = 0
        while same < min(len(prompt) - 1, len(self._read)) and prompt[same] == self._read[same]:
            same += 1
        return same

    def _say(
        self, number: int, request: Request, answer: ScriptedAnswer, prompt: int, stop: Callable[[], bool]
    ) -> Generator[Event, None, tuple[Reason, int]]:
        """The events of an answer; returns why it ended and how many tokens it had."""
        ends, most, reason = StopStrings(request.stop), _most(request, prompt), answer.reason
        said = [(True, text) for text in answer.thoughts] + [(False, text) for text in answer.pieces]
        room, generated = self.info.n_ctx - prompt + 1, 0  # the last token need not be read
        for thought, text in said:
            self._sleep(self._timing.piece)
            if stop():
                reason = "cancelled"
                break
            generated += 1
            shown, stopped = (text, False) if thought else ends.feed(text)
            if shown:
                yield Thought(number, shown) if thought else Piece(number, shown, _logprobs(text, request))
            if stopped:
                return "stop", generated
            if generated >= min(most, room):
                reason = "length" if generated >= most else "context"
                break
        else:
            if answer.error is not None:
                raise answer.error
        if rest := ends.flush():
            yield Piece(number, rest, tokens=0)
        return reason, generated

    def close(self) -> None:
        self.closed = True


def split(text: str) -> list[str]:
    """The tokens of a text, which are the text again when joined."""
    return _TOKEN.findall(text)


def _id(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", "replace")) % 50_000


def _logprobs(text: str, request: Request) -> tuple[TokenLogprob, ...]:
    """A script is sure of what it says."""
    return (_logprob(text, 0.0, 1),) if request.sampling.logprobs else ()


def _logprob(token: str, likelihood: float, top: int) -> TokenLogprob:
    """With any alternatives asked for, the token itself is the only one."""
    return TokenLogprob(token, _id(token), likelihood, ((token, _id(token), likelihood),) if top else ())


def _yes(odds: float) -> TokenLogprob:
    """ "yes" with these log-odds against "no", and nothing else."""
    yes = -math.log1p(math.exp(-odds))
    alternatives = (("yes", _id("yes"), yes), ("no", _id("no"), yes - odds))
    return TokenLogprob("yes", _id("yes"), yes, alternatives)


def _most(request: Request, prompt: int) -> float:
    total = request.total_tokens
    limits = (request.max_tokens, None if total is None else total - prompt)
    return min((limit for limit in limits if limit is not None), default=float("inf"))


def _in_order(answers: Iterable[ScriptedAnswer | str]) -> Script:
    left = iter(answers)

    def script(request: Request) -> ScriptedAnswer | str:
        answer = next(left, None)
        if answer is None:
            raise EngineError("the script has no answer left")
        return answer

    return script
