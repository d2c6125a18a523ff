"""Answers of one model, written in any format."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from quoth.chat import Message
from quoth.cli.answer_writer import AnswerWriter, Format
from quoth.cli.environment import Environment
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.engine import Event, Sampling
from quoth.errors import Ended, QuothError, UsageError
from quoth.library.answer_fields import sampling_fields
from quoth.library.answer_stream import Cancelled, never
from quoth.library.model import Model
from quoth.library.recording import Recording, recorded
from quoth.version import __version__


def answer_format(*, json: bool, jsonl: bool, logprobs: int | None, block: bool = False) -> Format:
    """The format that flags ask for. Raises UsageError if they ask for two."""
    chosen = [flag for flag, on in (("--json", json), ("--jsonl", jsonl), ("-x", block)) if on]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", "", "Pass one of them")
    return Format(json, jsonl, block, bool(logprobs))


class AnswerSession:
    """A model that is loading, and the format its answers are written in."""

    def __init__(self, environment: Environment, model: Model, format_: Format) -> None:
        self._environment = environment
        self._model = model
        self._format = format_
        self._writer: AnswerWriter | None = None

    def reply(
        self,
        messages: Sequence[Message],
        *,
        on_data: bool = False,
        stop: Sequence[str] = (),
        cancelled: Cancelled = never,
        recording: Recording | None = None,
        **sampling: Any,
    ) -> str:
        """Answer the last message, greedily if it is about data (`on_data`); returns what was said."""
        chosen = self._sampling(on_data=on_data, **sampling)
        events = self._model.replying(messages, chosen, stop=stop, cancelled=cancelled)
        if recording is not None:
            file = self._model.file
            found_by = str(file.path.absolute()) if file.origin == "file" and not file.installed else file.name
            recording.about(found_by, sampling_fields(chosen))
            events = recorded(events, recording)
        return self._write(events, chosen)

    def complete(
        self, text: str, *, echo: bool, stop: Sequence[str], sequences: int, max_length: int | None, **sampling: Any
    ) -> None:
        """Continue a text; `echo` prints the text in front of each continuation."""
        chosen = self._sampling(**sampling)
        events = self._model.continuing(text, chosen, sequences=sequences, stop=stop, total_tokens=max_length)
        self._write(events, chosen, before=text if echo else "")

    def _sampling(self, *, on_data: bool = False, **more: Any) -> Sampling:
        streams = self._environment.streams
        info = self._model.ready(lambda done: streams.progress.update("loading", round(done * 100), 100, "percent"))
        streams.progress.clear()
        if info.on_gpu and info.on_gpu < info.layers:
            streams.say(info.runs_on)
        return self._model.sampling(on_data=on_data, **more)

    def _write(self, events: Generator[Event, None, None], sampling: Sampling, before: str = "") -> str:
        about = {
            "version": __version__,
            "model": self._model.name,
            "seed": sampling.seed,
            "temperature": sampling.temperature,
        }
        writer = self._writer = AnswerWriter(self._environment.streams, self._format, about, before)
        writer.write(events)
        writer.end()
        return "".join(answer.text for answer in writer.answers.values())

    def interrupted(self, error: QuothError | Ended) -> None:
        """Write the answer so far, before the reason goes to standard error; after an error no JSON object."""
        if self._writer is not None:
            self._writer.interrupt()
            if isinstance(error, Ended):
                self._writer.end()


@contextmanager
def answer(environment: Environment, format_: Format) -> Iterator[AnswerSession]:
    """Start to load the chosen model: the caller reads its input meanwhile."""
    with open_chosen_model(environment) as model:
        answering = AnswerSession(environment, model, format_)
        try:
            yield answering
        except (QuothError, Ended) as error:
            answering.interrupted(error)
            raise
