"""`quoth summarize`: summaries as text or JSON on standard output, notices on standard error."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quoth.cli.documents import names_documents, read_documents, span_fields
from quoth.cli.environment import Environment
from quoth.cli.printing import json_text
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.cli.streams import Streams
from quoth.documents import Document
from quoth.engine import Notice
from quoth.errors import Ended, InputError, QuothError, StorageError, UsageError
from quoth.library.answer_fields import usage_fields
from quoth.library.document_answers import quotes_only, summarizing
from quoth.library.model import Model
from quoth.library.opened_documents import OpenDocuments, looks_like_file, require_text
from quoth.platform import safe_files
from quoth.tasks.collection import Collection
from quoth.tasks.status_text import LONG, covered, planned, too_small
from quoth.tasks.summaries import summarizer as task
from quoth.tasks.summaries.summary import Style


def summarize(
    environment: Environment,
    words: Sequence[str],
    *,
    length: str,
    style: Style,
    focus: str,
    language: str,
    extracts: bool | None,
    cites: bool | None,
    each: bool,
    as_json: bool,
    output: str | None,
    verbose: bool,
) -> int:
    """Summarize the documents that the words name, together or each of them. Returns the exit code."""
    environment.streams.require_stdout()
    number = _number_of_words(length)
    target = _Output.of(environment.streams, output)
    with open_chosen_model(environment) as model:
        documents, about = _documents(environment, words)
        require_text(documents)
        options = task.SummaryOptions(number, style, f"{focus.strip()} {about}".strip(), language.strip())
        form = _Form(extracts, cites, json=as_json or each, verbose=verbose)
        summaries = _Summaries(environment, model, options, form, target)
        code = summaries.each(documents) if each else summaries.together(documents)
        target.finish()
    return code


def _number_of_words(length: str) -> int:
    words = task.LENGTHS.get(length) or (int(length) if length.isdecimal() else 0)
    if not 1 <= words <= 10_000:
        raise UsageError("--length must be short, medium, long or from 1 to 10000 words", f"it is {length!r}", "")
    return words


def _documents(environment: Environment, words: Sequence[str]) -> tuple[list[Document], str]:
    """The documents that operands name; where a pipe has the text, the words that name none are the focus."""
    named = [word for word in words if names_documents(word)]
    others = [word for word in words if word not in named]
    if others and (named or all(map(looks_like_file, others))):
        raise InputError(f"{others[0]} does not exist", "", "Check the name; --focus TEXT says what matters")
    if not named and environment.streams.stdin_isatty:
        what = f"{others[0]} does not exist" if others else "there is nothing to summarize"
        raise UsageError(what, "", "Name a file, or pipe a text: quoth summarize report.pdf")
    documents = read_documents(environment, named or ["-"])
    if others and not any(len(document.text) for document in documents):
        raise InputError(f"{others[0]} does not exist", "and standard input is empty", "Check the name")
    return documents, " ".join(others)


@dataclass(slots=True)
class _Output:
    """Where summaries go: to standard output at once, or to the file of -o, written completely or not at all."""

    streams: Streams
    path: Path | None
    text: str = ""

    @classmethod
    def of(cls, streams: Streams, name: str | None) -> _Output:
        """Raises StorageError before any work for a file that cannot be written."""
        if not name or name == "-":
            return cls(streams, None)
        path = Path(name)
        why = "it is a folder" if path.is_dir() else "" if path.parent.is_dir() else "its folder does not exist"
        if not why and not os.access(path.parent, os.W_OK):
            why = "its folder cannot be written"
        if why:
            raise StorageError(f"cannot write {name}", why, "Name another file")
        return cls(streams, path)

    def put(self, text: str) -> None:
        if self.path:
            self.text += text
        else:
            self.streams.answer(text)

    def end(self) -> None:
        """A summary is complete."""
        if self.path:
            self.text = self.text.rstrip("\n") + "\n"
        else:
            self.streams.finish()

    def finish(self) -> None:
        """Write the file."""
        if self.path:
            with safe_files.attempt(f"write {self.path}"):
                safe_files.write(self.path, self.text.encode("utf-8", "replace"))


@dataclass(slots=True)
class _Result:
    """One summary as it was written."""

    text: str
    sentences: list[task.Sentence]
    end: task.Summarized
    collection: Collection
    seconds: float


@dataclass(frozen=True, slots=True)
class _Form:
    """How summaries are written. None: the model's size decides on extracts, and they on citations."""

    extracts: bool | None
    cites: bool | None
    json: bool
    verbose: bool


class _Summaries:
    """Summaries with one model and the same options."""

    def __init__(
        self,
        environment: Environment,
        model: Model,
        options: task.SummaryOptions,
        form: _Form,
        output: _Output,
    ) -> None:
        self._environment = environment
        self._streams = environment.streams
        self._model = model
        self._options = options
        self._output = output
        model.ready()
        self._by_itself = quotes_only(model) and form.extracts is None
        self._extracts = self._by_itself or bool(form.extracts)
        self._cites = self._extracts if form.cites is None else form.cites
        self._as_json = form.json
        self._verbose = form.verbose
        self._private = bool(environment.settings.private)
        self._noted = 0  # parts of the document at hand

    def together(self, documents: Sequence[Document]) -> int:
        """One summary of all documents."""
        self._summarize(documents)
        self._say_problem()
        return 0

    def each(self, documents: Sequence[Document]) -> int:
        """One summary for each document; one that cannot be summarized is reported, and the others are done."""
        code = 0
        for document in documents:
            try:
                self._summarize([document])
            except InputError as error:
                code = int(error.exit_code)
                about = {"files": [document.name], "error": {"code": code, "message": str(error)}}
                self._put_json({**about, "model": self._model.name})
                self._streams.say(f"{document.name}: {error}")
        self._say_problem()
        return code

    def _summarize(self, documents: Sequence[Document]) -> None:
        began = time.monotonic()
        collection = OpenDocuments(documents, progress=self._streams.progress.update).parts(self._model.engine)
        self._noted = 0
        try:
            result = self._run(collection, began)
        except (Ended, QuothError):
            self._streams.interrupt()
            self._say_what_is_kept(collection)
            raise
        if self._as_json:
            self._put_json(self._fields(result))
        self._say_coverage(result)

    def _events(self, collection: Collection) -> Iterator[task.Event]:
        task.room_for(collection, self._options)  # before anything is said
        if self._by_itself:
            self._by_itself = False
            self._streams.say(f"{too_small(self._model.name)} (--write has it write)")
        return summarizing(self._model, collection, self._options, extract=self._extracts)

    def _run(self, collection: Collection, began: float) -> _Result:
        text = ""
        sentences: list[task.Sentence] = []
        for event in self._events(collection):
            match event:
                case task.Step(verb, done, total, unit, what):
                    self._streams.progress.update(verb, done, total, unit, what)
                case task.Planned():
                    self._say_plan(event)
                case task.Noted(part, notes):
                    self._noted += 1
                    self._say_notes(collection, part, notes)
                case Notice(_, notice):
                    self._streams.say(notice)
                case task.Sentence():
                    piece = event.before + event.text + self._citation(collection, event)
                    text += piece
                    sentences.append(event)
                    if not self._as_json:
                        self._output.put(piece)
                case task.Summarized():
                    self._streams.progress.clear()
                    if not self._as_json:
                        self._output.end()
                    return _Result(text, sentences, event, collection, time.monotonic() - began)
        raise QuothError("the summary has no end", "this is a bug", "Please report it")

    def _citation(self, collection: Collection, sentence: task.Sentence) -> str:
        if not self._cites or not sentence.spans:
            return ""
        return f" [{'; '.join(dict.fromkeys(map(collection.cite, sentence.spans)))}]"

    def _put_json(self, fields: dict[str, Any]) -> None:
        self._output.put(json_text(fields))
        self._output.end()

    # Notices

    def _say_plan(self, plan: task.Planned) -> None:
        if plan.seconds > LONG:
            quicker = "--extract takes seconds, a smaller model (-m) less time"
            self._streams.say(f"{planned(plan, self._model.name)}; {quicker}")

    def _say_notes(self, collection: Collection, part: int, notes: str) -> None:
        if self._verbose:
            self._streams.say(f"[{collection.cite(collection.span(part))}]")
            for line in notes.splitlines():
                self._streams.say(f"  {line}")

    def _say_what_is_kept(self, collection: Collection) -> None:
        if self._noted and not self._private and not self._environment.notes.problem:
            self._streams.say(
                f"the notes on {self._noted} of {len(collection)} parts are kept: the same command continues from there"
            )

    def _say_problem(self) -> None:
        if not self._extracts and self._environment.notes.problem:
            self._streams.say(f"notes are not kept: {self._environment.notes.problem}")

    def _say_coverage(self, result: _Result) -> None:
        end = result.end
        self._streams.say(covered(end, result.seconds))
        if end.dropped:
            raise QuothError(f"{end.dropped:,} tokens were not read", "this is a bug", "Please report it")

    def _fields(self, result: _Result) -> dict[str, Any]:
        end, collection = result.end, result.collection
        return {
            "summary": result.text,
            "sources": [
                {"sentence": s.text, "places": [span_fields(collection, span) for span in s.spans]}
                for s in result.sentences
            ],
            "coverage": {
                "parts": end.parts,
                "parts_read": end.parts_read,
                "parts_known": end.known,
                "tokens": end.tokens,
                "tokens_read": end.tokens_read,
                "dropped": end.dropped,
            },
            "files": [document.name for document in collection.documents],
            "extracted": self._extracts,
            "unsupported": end.unsupported,
            "seconds": round(result.seconds, 3),
            "tokens_per_second": round(end.tokens_read / max(result.seconds, 0.001), 1),
            "reason": end.reason,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(end.usage),
        }
