"""Answers with the engine: choose the model, start it, write what it says, in any format."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from quoth import __version__
from quoth.chat import Message
from quoth.cli.environment import Environment
from quoth.cli.output import Format, Writer, usage_fields
from quoth.cli.prompt import new_seed
from quoth.config import SAMPLING
from quoth.engine import Done, Event, ModelInfo, Piece, Sampling, Thought
from quoth.errors import Ended, EngineError, InputError, QuothError, UsageError
from quoth.tasks.reply import continue_text, reply, sampling_of, with_system

if TYPE_CHECKING:
    from quoth.engine.client import Client
    from quoth.models import ModelFile
    from quoth.store.recording import Recording


def answer_format(values: dict[str, Any]) -> Format:
    """The format that flags ask for. Raises UsageError for two at once."""
    chosen = [flag for flag, on in (("--json", values["as_json"]), ("--jsonl", values["as_jsonl"])) if on]
    if values.get("block"):
        chosen.append("-x")
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", "", "Pass one of them")
    return Format(values["as_json"], values["as_jsonl"], bool(values.get("block")), bool(values.get("logprobs")))


class Answering:
    """A model that is loading, and the format its answers are written in."""

    def __init__(self, environment: Environment, client: Client, model: ModelFile, format_: Format) -> None:
        self._environment = environment
        self._client = client
        self._model = model
        self._format = format_
        self._writer: Writer | None = None

    def reply(
        self,
        messages: Sequence[Message],
        *,
        stop: Sequence[str] = (),
        cancelled: Callable[[], bool] = lambda: False,
        recording: Recording | None = None,
        **sampling: Any,
    ) -> str:
        """Answer the last message; returns what was said."""
        settings = self._environment.settings
        chosen = self._sampling(**sampling)
        events = reply(
            self._client,
            with_system(settings["system"], messages),
            sampling=chosen,
            max_tokens=settings["max_tokens"],
            stop=stop,
            think=settings["think"],
            keep=not settings["private"],
            cancelled=cancelled,
        )
        if recording is not None:
            recording.about(self._model_name, _stored(chosen))
            events = _recorded(events, recording)
        return self._write(events, chosen)

    @property
    def _model_name(self) -> str:
        """What finds this model again."""
        model = self._model
        return str(model.path.absolute()) if model.origin == "file" and not model.installed else model.name

    def complete(
        self, text: str, *, echo: bool, stop: Sequence[str], sequences: int, total: int | None, **sampling: Any
    ) -> None:
        """Continue a text; `echo` prints the text in front of each continuation."""
        settings = self._environment.settings
        chosen = self._sampling(**sampling)
        self._write(
            continue_text(
                self._client,
                text,
                sampling=chosen,
                sequences=sequences,
                max_tokens=settings["max_tokens"],
                total_tokens=total,
                stop=stop,
                keep=not settings["private"],
            ),
            chosen,
            before=text if echo else "",
        )

    def _sampling(self, **more: Any) -> Sampling:
        """Flags, environment and file first, then the catalogue row, the model file, and the engine's own values."""
        from quoth.models.defaults import sampling_values

        settings = self._environment.settings
        asked = {name: (settings[name], settings.origin(name)) for name in SAMPLING}
        values = sampling_values(self._model, dict(self._ready().sampling), asked)
        seed = settings["seed"] if settings["seed"] is not None else new_seed()
        return sampling_of({name: value for name, (value, _) in values.items()}, seed=seed, **more)

    def _ready(self) -> ModelInfo:
        """The loaded model; a file that was loaded once is trusted from then on."""
        info = self._client.ready(self._loading)
        self._environment.streams.progress.clear()
        if info.on_gpu and info.on_gpu < info.layers:
            self._environment.streams.say(info.runs_on)
        if not self._environment.store.is_trusted(self._model.path):
            self._environment.store.trust(self._model.path)
        return info

    def _loading(self, done: float) -> None:
        self._environment.streams.progress.update("loading", round(done * 100), 100, "percent")

    def _write(self, events: Generator[Event, None, None], sampling: Sampling, before: str = "") -> str:
        about = {"version": __version__, "model": self._model.name, "seed": sampling.seed}
        writer = self._writer = Writer(self._environment.streams, self._format, about, before)
        writer.write(events)
        writer.end()
        return "".join(answer.text for answer in writer.answers.values())

    def interrupted(self, error: BaseException) -> None:
        """Write what was said so far, before the reason goes to standard error; an error leaves no JSON object."""
        if self._writer is not None:
            self._writer.interrupt()
            if not isinstance(error, QuothError):
                self._writer.end()


def _stored(sampling: Sampling) -> dict[str, Any]:
    """The sampling as the history has it, without what was not asked for."""
    return {name: value for name, value in sampling._asdict().items() if value not in (None, (), "")}


def _recorded(events: Generator[Event, None, None], recording: Recording) -> Generator[Event, None, None]:
    """Pass events on, and keep what they say."""
    for event in events:
        match event:
            case Piece(_, text):
                recording.said(text)
            case Thought(_, text):
                recording.thought(text)
            case Done(_, reason, usage):
                recording.done(reason, usage_fields(usage))
        yield event


@contextmanager
def kept(environment: Environment, recording: Recording) -> Iterator[Recording]:
    """Keep a question before its answer, and the answer however it ends; say once what could not be kept."""
    recording.begin()
    try:
        yield recording
    except InputError as error:  # it did not fit, or its value does not fit the schema
        recording.refused(str(error))
        raise
    except EngineError as error:
        recording.end("died", str(error))
        raise
    except BaseException as error:
        recording.end("cancelled", patience=0.5 if isinstance(error, Ended) else 5)
        raise
    else:
        recording.end("stop")
    finally:
        if recording.problem:
            environment.streams.say(f"this conversation is not kept: {recording.problem}")


@contextmanager
def answer(environment: Environment, format_: Format) -> Iterator[Answering]:
    """Choose the model and start to load it at once; what is read meanwhile costs no time."""
    from quoth.cli.choosing import choose_model

    model = choose_model(environment)
    with environment.engine(model) as client:
        answering = Answering(environment, client, model, format_)
        try:
            yield answering
        except (QuothError, Ended) as error:
            answering.interrupted(error)
            raise
