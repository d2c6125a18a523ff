"""The port over llama.cpp in this process: a model, one context, one sampler chain a request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from quoth.chat import Message
from quoth.engine import (
    SAMPLING_KEYS,
    Chat,
    Done,
    Event,
    LoadOptions,
    ModelInfo,
    Notice,
    Reading,
    Request,
    ScoreEvent,
    Scoring,
    Text,
)
from quoth.engine.ladder import BY_NAME, Finding, Rung
from quoth.engine.worker.kv_cache import Cancelled, KVCache
from quoth.engine.worker.offsets import character_ends
from quoth.engine.worker.scoring import PreparedScoring, score_text
from quoth.engine.worker.threads import Threads
from quoth.engine.worker.token_writer import TokenWriter
from quoth.engine.worker.weights import load
from quoth.errors import InputError, ModelError
from quoth.native import Abort, LlamaModel
from quoth.platform import memory, processors

if TYPE_CHECKING:
    from quoth.engine.worker.prompts.prompter import Prompter


class Prepared(NamedTuple):
    """A request whose prompt is known to fit."""

    request: Request
    tokens: list[int]
    broken: int
    starts_in_thought: bool


def _clocks() -> tuple[float, float, float]:
    """Seconds: on the clock, those that all programs computed, and those that this one did."""
    return time.monotonic(), processors.busy_seconds(), time.process_time()


def _cores_of_others(since: tuple[float, float, float]) -> float:
    """How many cores other programs used, on average. 0 if the machine does not say, or too little time has passed."""
    wall, busy, own = (now - before for now, before in zip(_clocks(), since, strict=True))
    return (busy - own) / wall if since[1] and wall > 0.05 else 0.0


class LlamaEngine:
    """The Engine port in this process."""

    def __init__(
        self,
        path: Path,
        options: LoadOptions | None = None,
        progress: Callable[[float], bool] | None = None,
        free_memory: Callable[[], int] = memory.free_memory,
        rung: Rung = BY_NAME["cpu"],
    ) -> None:
        """Load a model, to be computed in the way of a rung. Raises what `weights.load` does."""
        self.abort = Abort()
        self._path = path
        self._options = options = options or LoadOptions()
        self._rung = rung
        clocks, private = _clocks(), memory.private_bytes()
        self._model, on_gpu = load(path, options, rung, progress, free_memory())
        if self._model.has_encoder:
            why = "only decoders can chat"
            raise ModelError(f"{path.name} is an encoder-decoder model", why, "Choose another model")
        self._template = options.template or self._model.chat_template()
        self._prompter: Prompter | None = None
        threads = 1 if rung.one_thread else min(options.threads or processors.physical_cores(), 512)
        limit = min(options.n_ctx or self._model.n_ctx_train, self._model.n_ctx_train)
        self.info = self._describe(limit, threads, on_gpu)
        self._threads = Threads(threads, fixed=on_gpu > 0 or bool(options.threads))
        self._threads.leave(_cores_of_others(clocks))
        copied = memory.private_bytes() - private  # into another layout
        mapped = 0 if on_gpu else max(0, self._model.size - max(0, copied))
        self._cache = KVCache(self._model, limit, self._threads, on_gpu > 0, self.abort, free_memory, mapped)

    def _describe(self, limit: int, threads: int, on_gpu: int) -> ModelInfo:
        model = self._model
        layers = model.n_layer + 1
        stated_base = model.meta("quoth.kind") == "base" and not self._options.template
        return ModelInfo(
            name=self._options.name or self._path.stem,
            architecture=model.meta("general.architecture") or "unknown",
            kind="base" if self._template is None or stated_base else "chat",
            n_ctx_train=model.n_ctx_train,
            n_ctx=limit,
            n_params=model.n_params,
            size=model.size,
            quantization=model.quantization,
            runs_on=f"{on_gpu} of {layers} layers on the GPU" if on_gpu else f"CPU, {threads} threads",
            threads=threads,
            layers=layers,
            on_gpu=on_gpu,
            sampling=_recommended(model),
            rung=self._rung.name,
        )

    def prove(self, allow: Callable[[float], None] = lambda seconds: None) -> Finding:
        """Compute a text in two ways and compare (proof.py). Raises Unproved."""
        from quoth.engine.worker.proof import BATCH, prove

        self._cache.require_room(min(BATCH, self.info.n_ctx_train))
        return prove(self._model, threads=self._threads.now, on_gpu=self.info.on_gpu > 0, abort=self.abort, allow=allow)

    @property
    def prompter(self) -> Prompter:
        """Renders chats by the template, which is compiled at its first use."""
        if self._prompter is None:
            if self.info.kind == "base" or self._template is None:
                raise ModelError(
                    f"{self.info.name} is a base model",
                    "the file has no chat template",
                    'Continue a text with "quoth complete TEXT", or pass --template FILE',
                )
            from quoth.engine.worker.prompts.prompter import Prompter

            self._prompter = Prompter(self._template, self._model.vocabulary)
        return self._prompter

    def count(self, inputs: Sequence[str | Sequence[Message]]) -> list[int]:
        return [len(self.tokenize(i)) if isinstance(i, str) else len(self.prompter.chat(i).tokens) for i in inputs]

    def tokenize(self, text: str) -> list[int]:
        vocabulary = self._model.vocabulary
        return vocabulary.tokenize(text, special=False, bos=vocabulary.add_bos)

    def offsets(self, text: str) -> Sequence[int]:
        vocabulary = self._model.vocabulary
        pieces = [vocabulary.piece(t) for t in vocabulary.tokenize(text, special=False, bos=False)]
        return character_ends(text, pieces)

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[Event, None, None]:
        self.abort.clear()
        prepared = [self._prepare(request) for request in requests]
        for number, item in enumerate(prepared):
            if stop():
                yield Done(number, "cancelled")
            else:
                yield from self._run(number, item, stop)

    def _prepare(self, request: Request) -> Prepared:
        tokens, broken, inside = self._tokens_of(request.input)
        if not tokens:
            raise InputError("there is nothing to continue", "the text is empty", "Give at least one character")
        if len(tokens) >= self.info.n_ctx:
            raise self._too_long("the prompt has", len(tokens))
        most = request.total_tokens
        if most is not None and len(tokens) >= most:
            what = f"the text has {len(tokens):,} tokens, and with its continuation it may have {most:,}"
            raise InputError(what, "nothing is left to write", "Raise --max-length")
        return Prepared(request, tokens, broken, inside)

    def _tokens_of(self, given: Chat | Text) -> tuple[list[int], int, bool]:
        """A prompt's tokens (none: no text, no BOS), how many strings were broken, and whether it ends in a thought."""
        match given:
            case Chat(messages, continue_last, think):
                prompt = self.prompter.chat(messages, think=think, continue_last=continue_last)
                return prompt.tokens, prompt.broken, prompt.starts_in_thought
            case Text(text):
                bos = self._model.vocabulary.bos
                return self.tokenize(text) or ([bos] if bos >= 0 else []), 0, False

    def _too_long(self, what: str, n: int) -> InputError:
        return InputError(
            f"{what} {n:,} tokens and {self.info.name} reads {self.info.n_ctx:,}",
            "nothing was cut and nothing was computed",
            "Shorten the input, or choose a model with a longer context",
        )

    def score(
        self, scorings: Sequence[Scoring], *, stop: Callable[[], bool] = lambda: False
    ) -> Generator[ScoreEvent, None, None]:
        self.abort.clear()
        prepared, tokens_of = list[PreparedScoring](), lru_cache(1)(self._tokens_of)  # many texts may share an input
        for scoring in scorings:
            if stop():
                return
            prepared.append(self._prepare_scoring(scoring, *tokens_of(scoring.input)[:2]))
        longest = max((len(item.read) for item in prepared), default=0)  # the context grows once
        cache, vocabulary = self._cache, self._model.vocabulary
        try:
            for number, item in enumerate(prepared):
                if stop():
                    return
                yield from _notices(number, item.broken)
                room = longest - len(item.read)
                yield from score_text(number, item, cache, vocabulary, room=room, check=self._check_numbers, stop=stop)
        except Cancelled:
            return

    def _prepare_scoring(self, scoring: Scoring, prompt: list[int], broken: int) -> PreparedScoring:
        vocabulary = self._model.vocabulary
        if isinstance(scoring.input, Text) and not scoring.input.text:  # the text is the beginning
            text = vocabulary.tokenize(scoring.text, special=False, bos=False)
        else:
            text = vocabulary.tokenize_behind(scoring.text)
        item = PreparedScoring([*prompt, *text], len(prompt), scoring.top, broken)
        if len(item.read) > self.info.n_ctx:
            raise self._too_long("the prompt and the text to score have", len(item.tokens))
        return item

    def _run(self, number: int, item: Prepared, stop: Callable[[], bool]) -> Iterator[Event]:
        yield from _notices(number, item.broken)
        marks = self.prompter.marks if isinstance(item.request.input, Chat) else None
        writer = TokenWriter(number, item.request, item.tokens, item.starts_in_thought, self._model, marks)
        with closing(writer):
            begun, total = time.monotonic(), len(item.tokens)
            try:
                writer.reused = self._cache.rewind(item.tokens, min(item.request.max_tokens or 512, 512))
                yield Reading(number, writer.reused, total)
                for done in self._cache.read(item.tokens, stop):
                    yield Reading(number, done, total)
            except Cancelled:
                yield Done(number, "cancelled", writer.usage(time.monotonic() - begun, 0.0))
                return
            self._check_numbers()
            read_seconds, begun = time.monotonic() - begun, time.monotonic()
            yield from writer.write(self._cache, stop)
            yield Done(number, writer.reason, writer.usage(read_seconds, time.monotonic() - begun))

    def _check_numbers(self) -> None:
        """Raise ModelError for invalid numbers: damaged weights load like any others."""
        if math.isnan(self._cache.context.logits()[0]):
            what = f"{self.info.name} computes invalid numbers"
            raise ModelError(what, "the file is damaged", "Check it with quoth models verify, or pull it again")

    def close(self) -> None:
        self._cache.close()
        self._model.close()


def _notices(number: int, broken: int) -> Iterator[Notice]:
    if broken:
        yield Notice(number, f"{broken} control-token strings in the text were broken, so that they stay text")


def _recommended(model: LlamaModel) -> tuple[tuple[str, float], ...]:
    """Sampling values that the file recommends; what is not a number is left out."""
    found: list[tuple[str, float]] = []
    for name, key in SAMPLING_KEYS.items():
        with suppress(ValueError):
            if math.isfinite(value := float(model.meta(key) or "nan")):
                found.append((name, int(value) if name in ("top_k", "repeat_last_n") else value))
    return tuple(found)
