"""The port over llama.cpp in this process: a model, one context, one sampler chain a request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quoth.chat import Message
from quoth.engine import (
    SAMPLING_KEYS,
    Chat,
    Done,
    Event,
    Kind,
    LoadOptions,
    ModelInfo,
    Notice,
    Reading,
    Request,
    Text,
    host,
)
from quoth.engine.session import Cancelled, Session
from quoth.engine.writing import Writer
from quoth.errors import EngineError, InputError, ModelError
from quoth.native import Abort, Model, NativeError, can_use_gpu, devices

if TYPE_CHECKING:
    from quoth.engine.prompt import Prompter
    from quoth.engine.thinking import Marks

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose prompt is known to fit."""

    request: Request
    tokens: list[int]
    broken: int
    starts_in_thought: bool


class Llama:
    """The Engine port in this process."""

    def __init__(
        self,
        path: Path,
        options: LoadOptions | None = None,
        progress: Callable[[float], bool] | None = None,
        free_memory: Callable[[], int] = host.free_memory,
    ) -> None:
        """Load a model. Raises ModelError, or EngineError when memory is short."""
        self.abort = Abort()
        self._path = path
        self._options = options = options or LoadOptions()
        self._model, on_gpu = _load(path, options, progress, free_memory())
        if self._model.has_encoder:
            raise ModelError(
                f"{path.name} is an encoder-decoder model", "only decoders can chat", "Choose another model"
            )
        self._template = options.template or self._model.chat_template()
        self._prompter: Prompter | None = None
        threads = min(options.threads or host.physical_cores(), 512)
        limit = min(options.n_ctx or self._model.n_ctx_train, self._model.n_ctx_train)
        self.info = self._describe(limit, threads, on_gpu)
        self._session = Session(self._model, limit, threads, on_gpu > 0, self.abort, free_memory)

    def _describe(self, limit: int, threads: int, on_gpu: int) -> ModelInfo:
        model = self._model
        layers = model.n_layer + 1
        return ModelInfo(
            name=self._options.name or self._path.stem,
            architecture=model.meta("general.architecture") or "unknown",
            kind=self._kind(),
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
            thinks=self._template is not None and ("enable_thinking" in self._template or "thinking" in self._template),
        )

    def _kind(self) -> Kind:
        stated = self._model.meta("quoth.kind")
        return "base" if self._template is None or (stated == "base" and not self._options.template) else "chat"

    @property
    def prompter(self) -> Prompter:
        """The chat template at work, compiled at its first use."""
        if self._prompter is None:
            if self.info.kind == "base" or self._template is None:
                raise ModelError(
                    f"{self.info.name} is a base model",
                    "the file has no chat template",
                    'Continue a text with "quoth complete TEXT", or pass --template FILE',
                )
            from quoth.engine.prompt import Prompter

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
        match request.input:
            case Chat(messages, continue_last, think):
                prompt = self.prompter.chat(messages, think=think, continue_last=continue_last)
                tokens, broken, inside = prompt.tokens, prompt.broken, prompt.starts_in_thought
            case Text(text):
                tokens, broken, inside = self.tokenize(text), 0, False
        if not tokens:
            bos = self._model.vocabulary.bos
            if bos < 0:
                raise InputError("there is nothing to continue", "the text is empty", "Give at least one character")
            tokens = [bos]
        if len(tokens) >= self.info.n_ctx:
            raise InputError(
                f"the prompt has {len(tokens):,} tokens and {self.info.name} reads {self.info.n_ctx:,}",
                "nothing was cut and nothing was computed",
                "Shorten the input, or choose a model with a longer context",
            )
        return Prepared(request, tokens, broken, inside)

    def _run(self, number: int, item: Prepared, stop: Callable[[], bool]) -> Iterator[Event]:
        if item.broken:
            yield Notice(number, f"{item.broken} control-token strings in the text were broken, so that they stay text")
        request, marks = item.request, self._marks(item.request)
        writer = Writer(number, request, item.tokens, item.starts_in_thought, self._model, marks)
        try:
            yield from self._read_and_write(number, item, writer, stop)
        finally:
            writer.close()

    def _read_and_write(self, number: int, item: Prepared, writer: Writer, stop: Callable[[], bool]) -> Iterator[Event]:
        begun, total = time.monotonic(), len(item.tokens)
        room = min(item.request.max_tokens or 512, 512)
        try:
            writer.reused = self._session.rewind(item.tokens, room)
            yield Reading(number, writer.reused, total)
            for done in self._session.read(item.tokens, stop):
                yield Reading(number, done, total)
        except Cancelled:
            yield Done(number, "cancelled", writer.usage(time.monotonic() - begun, 0.0))
            return
        self._check_numbers()
        read_seconds, begun = time.monotonic() - begun, time.monotonic()
        yield from writer.write(self._session, stop)
        yield Done(number, writer.reason, writer.usage(read_seconds, time.monotonic() - begun))

    def _check_numbers(self) -> None:
        """Weights that were overwritten load as any others. Raises ModelError."""
        if math.isnan(self._session.context.logits(self._model.vocabulary.n_tokens)[0]):
            what = f"{self.info.name} computes what is no number"
            raise ModelError(what, "the file is damaged", "Check it with quoth models verify, or pull it again")

    def _marks(self, request: Request) -> Marks | None:
        return self.prompter.marks if isinstance(request.input, Chat) else None

    def close(self) -> None:
        self._session.close()
        self._model.close()


def _recommended(model: Model) -> tuple[tuple[str, float], ...]:
    """Sampling values that the file asks for; what is no number is left out."""
    found: list[tuple[str, float]] = []
    for name, key in SAMPLING_KEYS.items():
        text = model.meta(key)
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            continue
        if math.isfinite(value):
            found.append((name, int(value) if name in ("top_k", "repeat_last_n") else value))
    return tuple(found)


def check_memory(name: str, need: int, free: int) -> None:
    """Refuse to load what cannot fit. Bytes; 0 free: not known. Both numbers are in the sentence."""
    if free and need > free:
        raise EngineError(
            f"{name} does not fit into memory",
            f"it needs {need // MIB:,} MiB and {free // MIB:,} MiB are free",
            "Close other programs, or choose a smaller model or quantization",
        )


def layers_that_fit(free: int, size: int, n_layer: int) -> int:
    """Layers (of n_layer and the output) that fit on a GPU with `free` bytes, a tenth and 512 MiB left for the rest."""
    layers = n_layer + 1
    return max(0, min(layers, int((free * 0.9 - 512 * MIB) / (size / layers)))) if size else layers


def _load(path: Path, options: LoadOptions, progress: Callable[[float], bool] | None, free: int) -> tuple[Model, int]:
    """The model, and how many of its layers are on the GPU. Fewer are tried when the first number fails."""
    layers, of = _first_gpu_layers(path, options)
    size = path.stat().st_size
    while True:
        check_memory(path.name, size * (of - layers) // of, free)
        try:
            model = Model(path, gpu_layers=layers, progress=progress)
        except NativeError as error:
            if layers == 0:
                raise ModelError(
                    f"{path.name} cannot be loaded", str(error), "Check it with quoth models verify, or pull it again"
                ) from None
            layers = layers * 3 // 4
        else:
            return model, min(layers, model.n_layer + 1)


def _first_gpu_layers(path: Path, options: LoadOptions) -> tuple[int, int]:
    """Layers to put on the GPU, and of how many."""
    if options.gpu_layers == 0 or not can_use_gpu():
        return 0, 1
    gpus = [device for device in devices() if device.kind in ("gpu", "igpu")]
    if not gpus:
        return 0, 1
    try:
        probe = Model(path, vocab_only=True)
    except NativeError:
        return 0, 1  # loading it says why
    n_layer = probe.n_layer
    probe.close()
    fit = layers_that_fit(sum(d.free for d in gpus), path.stat().st_size, n_layer)
    return fit if options.gpu_layers < 0 else min(options.gpu_layers, fit), n_layer + 1


_CONTINUATION = bytes(range(0x80, 0xC0))  # the bytes inside a UTF-8 character
_LOST = 64  # bytes in which a token is looked for when what stands before it has no token of its own


def character_ends(text: str, pieces: Sequence[bytes]) -> list[int]:
    """The end of each token in characters; a token that ends inside a character ends before it.

    The pieces are the text but for two things: a SentencePiece vocabulary puts spaces in front that are no part of
    it, and a character that a vocabulary does not know may have no piece.
    """
    data = text.encode("utf-8", "replace")
    ends, position, begun = [], 0, 0  # `begun` characters begin before the position
    for piece in pieces:
        start, position = position, _end_of(piece, data, position)
        begun += len(data[start:position].translate(None, _CONTINUATION))
        inside = position < len(data) and data[position] & 0xC0 == 0x80
        ends.append(begun - inside)
    if ends:
        ends[-1] = len(text)
    return ends


def _end_of(piece: bytes, data: bytes, position: int) -> int:
    """Where in the data a piece ends that stands at the position or a little after it."""
    if data.startswith(piece, position):
        return position + len(piece)
    if piece[:1] == b" " and data.startswith(piece[1:], position):
        return position + len(piece) - 1
    found = data.find(piece, position, position + _LOST + len(piece))
    return position if found < 0 else found + len(piece)
