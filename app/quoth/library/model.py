"""A model in a worker process: its file checked before loading and trusted after, its sampling by precedence."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from quoth.chat import Attachment, Message, user_message
from quoth.config import SAMPLING
from quoth.engine import Event, ModelInfo, Sampling
from quoth.errors import ModelError
from quoth.library.answer_stream import Answer, Cancelled, never
from quoth.library.argument_checks import check_options, check_question, check_setting, check_summary
from quoth.library.engines import start_engine
from quoth.library.model_choice import chosen
from quoth.library.workspace import Workspace
from quoth.models import ModelFile
from quoth.models.sampling_defaults import sampling_values
from quoth.tasks.model_classes import MEASURED, ModelClass, model_class
from quoth.tasks.reply import continue_text, reply, sampling_of, with_system

if TYPE_CHECKING:
    from quoth.library.document_answers import DocumentAnswer, Summary
    from quoth.library.opened_documents import OpenDocuments
    from quoth.tasks.summaries.summary import Style


class SamplingOptions(TypedDict, total=False):
    """How the next token is chosen. What is left out comes from the settings, the catalogue and the model's file."""

    temperature: float  # 0 is greedy
    top_k: int
    top_p: float
    min_p: float
    repeat_penalty: float
    seed: int
    grammar: str  # GBNF
    schema: str  # JSON schema, as JSON
    logprobs: int  # alternatives reported for each token


_SAMPLING_OPTIONS = (*SamplingOptions.__annotations__,)
_ANSWER_OPTIONS = ("max_tokens", *_SAMPLING_OPTIONS)


class Model:
    """A model. It writes one answer at a time; tokens may be counted from any thread meanwhile.

    It begins to load at once, and every method waits until it is loaded. Use it in a `with` statement, or call `close`.
    """

    def __init__(
        self,
        workspace: Workspace,
        file: ModelFile,
        *,
        tell: Callable[[str], None] | None = None,
        owns_workspace: bool = False,
    ) -> None:
        """`tell` gets a sentence when a way of computing does not work here. Raises ModelError for a broken file."""
        if not workspace.store.is_trusted(file.path):
            from quoth.gguf import check, read_header

            check(read_header(file.path))
        self.file = file
        self.engine = start_engine(workspace, file, tell)
        self.workspace = workspace
        self._owns_workspace = owns_workspace

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker. An answer that is being written breaks off."""
        self.engine.close()
        if self._owns_workspace:
            self.workspace.close()

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def info(self) -> ModelInfo:
        """What the model is and where it runs; waits until it is loaded."""
        return self.ready()

    @cached_property
    def size_class(self) -> ModelClass:
        """What is tuned to models of its size; waits until it is loaded."""
        return model_class(self._parameters, self.info.n_ctx)

    @property
    def is_measured(self) -> bool:
        """Whether the thresholds of its size class were measured with this model."""
        return (self.info.architecture, self._parameters) in MEASURED

    @cached_property
    def _parameters(self) -> int:
        from quoth.gguf import read_header  # 20 ms that an answer without documents does without

        return read_header(self.file.path).distinct_parameters

    def ready(self, progress: Callable[[float], None] = lambda done: None) -> ModelInfo:
        """Wait until the model is loaded; `progress` gets 0.0 to 1.0. A file that was loaded once is trusted.

        Raises ModelError for a file that is no model, EngineError when memory is short.
        """
        info = self.engine.ready(progress)
        if not self.workspace.store.is_trusted(self.file.path):
            self.workspace.store.trust(self.file.path)
        return info

    def sampling(self, *, on_data: bool = False, **more: Unpack[SamplingOptions]) -> Sampling:
        """Values asked for here, then those of the settings, the catalogue, the model's file, the engine.

        `on_data`, for questions about documents: the temperature is 0 where neither this call nor a setting names one.
        Without a seed in any of them a new one is drawn. Raises UsageError for a value that is not in its range.
        """
        check_options(_SAMPLING_OPTIONS, **more)
        settings = self.workspace.settings
        asked = {name: (more.get(name, value), origin) for name, (value, origin) in settings.sampling.items()}
        values = sampling_values(self.file, dict(self.info.sampling), asked, on_data=on_data)
        seed = more.get("seed", settings.seed)
        if seed is None:
            seed = int.from_bytes(os.urandom(4), "little") >> 1
        rest = {name: value for name, value in more.items() if name not in (*SAMPLING, "seed")}
        return sampling_of({name: value for name, (value, _) in values.items()}, seed=seed, **rest)

    # Events, for the command line and the app

    def replying(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        system: str | None = None,
        continue_last: bool = False,
        private: bool | None = None,
        stop: Sequence[str] = (),
        cancelled: Cancelled = never,
        max_tokens: int | None = None,
        think: bool | None = None,
    ) -> Generator[Event, None, None]:
        """The answer to the last message, or the rest of it with `continue_last`. None: as the settings say.

        Raises InputError as Engine.generate does.
        """
        settings = self.workspace.settings
        return reply(
            self.engine,
            with_system(settings.system if system is None else system, messages),
            sampling=sampling,
            max_tokens=settings.max_tokens if max_tokens is None else max_tokens,
            stop=stop,
            think=settings.think if think is None else think,
            keep=not (settings.private if private is None else private),
            continue_last=continue_last,
            cancelled=cancelled,
        )

    def continuing(
        self,
        text: str,
        sampling: Sampling,
        *,
        sequences: int = 1,
        stop: Sequence[str] = (),
        total_tokens: int | None = None,
        max_tokens: int | None = None,
        cancelled: Cancelled = never,
    ) -> Generator[Event, None, None]:
        """Continuations of a text, each with a different seed."""
        settings = self.workspace.settings
        return continue_text(
            self.engine,
            text,
            sampling=sampling,
            sequences=sequences,
            max_tokens=settings.max_tokens if max_tokens is None else max_tokens,
            total_tokens=total_tokens,
            stop=stop,
            keep=not settings.private,
            cancelled=cancelled,
        )

    # For a Python program

    def tokens(self, text: str) -> list[int]:
        """The ids of a text's tokens; none of them is a control token.

        >>> len(model.tokens("Hello"))
        """
        return self.engine.tokenize(text)

    def reply(
        self,
        prompt: str | Sequence[Message],
        documents: Sequence[Attachment] = (),
        *,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        think: bool | None = None,
        **sampling: Unpack[SamplingOptions],
    ) -> Answer:
        """The answer to a prompt, or to the last of several messages; `documents` come before the prompt as data.

        With documents the temperature is 0, unless `temperature` or a setting names one; without any it is the model's.
        Raises UsageError for an option that does not exist or is not in its range.

        >>> for text in model.reply("Why is the sky blue?", max_tokens=60):
        ...     print(text, end="")
        """
        check_options(_ANSWER_OPTIONS, max_tokens=max_tokens, **sampling)
        messages = [user_message(prompt, documents)] if isinstance(prompt, str) else prompt
        return Answer(
            lambda cancelled: self.replying(
                messages,
                self.sampling(on_data=bool(documents), **sampling),
                stop=stop,
                cancelled=cancelled,
                max_tokens=max_tokens,
                think=think,
            )
        )

    def complete(
        self, text: str, *, max_tokens: int | None = None, stop: Sequence[str] = (), **sampling: Unpack[SamplingOptions]
    ) -> Answer:
        """The continuation of a text, without a chat template. Raises UsageError as `reply` does.

        >>> print(model.complete("Once upon a time", max_tokens=40, temperature=0).text)
        """
        check_options(_ANSWER_OPTIONS, max_tokens=max_tokens, **sampling)
        return Answer(
            lambda cancelled: self.continuing(
                text, self.sampling(**sampling), stop=stop, max_tokens=max_tokens, cancelled=cancelled
            )
        )

    def summarize(
        self,
        documents: OpenDocuments,
        *,
        words: int = 150,
        style: Style = "prose",
        focus: str = "",
        language: str = "",
        extract: bool | None = None,
    ) -> Summary:
        """A summary of documents of any length; `extract`: in their own sentences, the default of very small models.
        Raises UsageError for a number of words that is not from 1 to 10,000, or another style.

        >>> with read_documents("report.pdf") as report:
        ...     print(model.summarize(report, words=60).text)
        """
        from quoth.library.document_answers import Summary
        from quoth.tasks.summaries.summary import SummaryOptions

        check_summary(words, style)
        return Summary(self, documents, SummaryOptions(words, style, focus, language), extract=extract)

    def ask(self, question: str, documents: OpenDocuments, *, everything: bool = False) -> DocumentAnswer:
        """The answer to a question from documents, with the quotes that support it. Raises UsageError for a blank one.

        >>> with read_documents("manual.txt") as manual:
        ...     print(model.ask("How long is the warranty?", manual).text)
        """
        from quoth.library import document_answers

        check_question(question)
        return document_answers.ask(self, question, documents, everything=everything)


def open_model(
    name: str | Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    tell: Callable[[str], None] = lambda sentence: None,
    **settings: Any,
) -> Model:
    """Open a model by its name or its file; without one the default, or the best that is on this machine.

    `settings` are those of the configuration file (`ctx=4096`, `private=True`), and override it and the environment.
    `tell` gets sentences that a user should read. Nothing is written to the history, nothing is downloaded.
    Raises ModelError if there is no such model, UsageError for a setting that does not exist.

    >>> with open_model("qwen2.5-coder-1.5b", ctx=4096) as model:
    ...     print(model.reply("Hello").text)
    """
    workspace = Workspace(environ, tell=tell)
    asked = {**settings, "model": os.fspath(name)} if name is not None else settings
    for key, value in asked.items():
        check_setting(key, value)
    workspace.use(asked, "open_model")
    file = chosen(workspace)
    if file is None:
        from quoth.library.model_offers import best_here, found_here

        file = best_here(found_here(workspace))
    if file is None:
        workspace.store.check_folder()
        raise ModelError("there is no model on this machine", "", 'Run "quoth pull"')
    return Model(workspace, file, owns_workspace=True)
