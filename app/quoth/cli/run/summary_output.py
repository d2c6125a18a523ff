"""`quoth summarize`: summaries as text or JSON on standard output, notices on standard error."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quoth.cli.document_operands import documents_and_focus, span_fields
from quoth.cli.environment import Environment
from quoth.cli.printing import json_text
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.cli.streams import Streams
from quoth.documents import Document
from quoth.documents.citation import bracketed
from quoth.engine import Notice
from quoth.errors import Ended, InputError, QuothError, StorageError, UsageError
from quoth.library.answer_fields import usage_fields
from quoth.library.document_answers import quotes_only, summarizing
from quoth.library.model import Model
from quoth.library.opened_documents import OpenDocuments, require_text
from quoth.platform import safe_files
from quoth.tasks.collection import Collection
from quoth.tasks.status_text import LONG, covered, planned, too_small
from quoth.tasks.summaries import summary as task
from quoth.tasks.summaries.extractive_summary import target_words


def summarize(
    environment: Environment,
    words: Sequence[str],
    *,
    length: str,
    style: task.Style,
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
    target = _Output(environment.streams, _writable(output) if output and output != "-" else None)
    with open_chosen_model(environment) as model:
        documents, about = documents_and_focus(environment, words)
        require_text(documents)
        options = task.SummaryOptions(number, style, f"{focus.strip()} {about}".strip(), language.strip())
        writer = _SummaryWriter(environment, model, options, target, extracts, cites, as_json or each, verbose)
        code = 0
        if each:
            code = writer.each(documents)
        else:
            writer.together(documents)
        writer.say_problem()
        target.write_file()
    return code


def _number_of_words(length: str) -> int:
    words = task.LENGTHS.get(length) or (int(length) if length.isdecimal() else 0)
    if not 1 <= words <= 10_000:
        raise UsageError("--length must be short, medium, long or from 1 to 10000 words", f"it is {length!r}", "")
    return words


def _writable(name: str) -> Path:
    """The file of -o. Raises StorageError, before any work, if it cannot be written."""
    path = Path(name)
    why = "it is a folder" if path.is_dir() else "" if path.parent.is_dir() else "its folder does not exist"
    if not why and not os.access(path.parent, os.W_OK):
        why = "its folder cannot be written"
    if why:
        raise StorageError(f"cannot write {name}", why, "Name another file")
    return path


@dataclass(slots=True)
class _Output:
    """Where summaries go: to standard output at once, or to a file that is written completely or not at all."""

    streams: Streams
    path: Path | None
    text: str = ""

    def put(self, text: str) -> None:
        if self.path:
            self.text += text
        else:
            self.streams.answer(text)

    def end_summary(self) -> None:
        if self.path:
            self.text = self.text.rstrip("\n") + "\n"
        else:
            self.streams.finish()

    def write_file(self) -> None:
        if self.path:
            with safe_files.attempt(f"write {self.path}"):
                safe_files.write(self.path, self.text.encode("utf-8", "replace"))


class _SummaryWriter:
    """Writes summaries by one model with the same options."""

    def __init__(
        self,
        environment: Environment,
        model: Model,
        options: task.SummaryOptions,
        output: _Output,
        extracts: bool | None,
        cites: bool | None,
        as_json: bool,
        verbose: bool,
    ) -> None:
        """Without `extracts` the model's size decides; without `cites` extracts are cited."""
        self._environment, self._streams = environment, environment.streams
        self._model, self._options, self._output = model, options, output
        model.ready()
        self._extracts_by_default = quotes_only(model) and extracts is None
        self._extracts = self._extracts_by_default or bool(extracts)
        self._cites = self._extracts if cites is None else cites
        self._as_json, self._verbose = as_json, verbose
        self._noted = 0  # parts of the current document

    def each(self, documents: Sequence[Document]) -> int:
        """One summary for each document; one that cannot be summarized is reported, and the others are done."""
        code = 0
        for document in documents:
            try:
                self.together([document])
            except InputError as error:
                code = int(error.exit_code)
                about = {"files": [document.name], "error": {"code": code, "message": str(error)}}
                self._put_json({**about, "model": self._model.name})
                self._streams.say(f"{document.name}: {error}")
        return code

    def together(self, documents: Sequence[Document]) -> None:
        """One summary of all documents."""
        began = time.monotonic()
        collection = OpenDocuments(documents, progress=self._streams.progress.update).parts(self._model)
        self._noted = 0
        try:
            text, sentences, end = self._write(collection)
        except (Ended, QuothError):
            self._streams.interrupt()
            if self._noted and not self._environment.settings.private and not self._environment.notes.problem:
                parts = f"{self._noted} of {len(collection)} parts"
                self._streams.say(f"the notes on {parts} are kept: the same command continues from there")
            raise
        seconds = time.monotonic() - began
        if self._as_json:
            self._put_json(self._fields(collection, text, sentences, end, seconds))
        self._streams.say(covered(end, seconds))
        if end.dropped:
            raise QuothError(f"{end.dropped:,} tokens were not read", "this is a bug", "Please report it")

    def _write(self, collection: Collection) -> tuple[str, list[task.Sentence], task.Summarized]:
        """Write the sentences as they come, unless JSON is wanted; returns them as text and with their sources."""
        text, sentences = "", list[task.Sentence]()
        target_words(collection, self._options)  # raises before anything is said
        if self._extracts_by_default:
            self._extracts_by_default = False  # say it once
            self._streams.say(f"{too_small(self._model.name)} (--write has it write)")
        if self._extracts and self._options.language:
            self._streams.say("quoted sentences stay in the text's own language: --language needs --write")
        for event in summarizing(self._model, collection, self._options, extract=self._extracts):
            match event:
                case task.Step(verb, done, total, unit, what):
                    self._streams.progress.update(verb, done, total, unit, what)
                case task.Planned() if event.seconds > LONG:
                    quicker = "--extract takes seconds, a smaller model (-m) less time"
                    self._streams.say(f"{planned(event, self._model.name)}; {quicker}")
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
                        self._output.end_summary()
                    return text, sentences, event
        raise AssertionError("a summary without an end")

    def _citation(self, collection: Collection, sentence: task.Sentence) -> str:
        if not self._cites or not sentence.spans:
            return ""
        return f" {bracketed(dict.fromkeys(map(collection.cite, sentence.spans)))}"

    def _put_json(self, fields: dict[str, Any]) -> None:
        self._output.put(json_text(fields))
        self._output.end_summary()

    def _say_notes(self, collection: Collection, part: int, notes: str) -> None:
        if self._verbose:
            self._streams.say(bracketed([collection.cite(collection.span(part))]))
            for line in notes.splitlines():
                self._streams.say(f"  {line}")

    def say_problem(self) -> None:
        """Say why the notes are not kept, if they are not."""
        if not self._extracts and self._environment.notes.problem:
            self._streams.say(f"notes are not kept: {self._environment.notes.problem}")

    def _fields(
        self,
        collection: Collection,
        text: str,
        sentences: Sequence[task.Sentence],
        end: task.Summarized,
        seconds: float,
    ) -> dict[str, Any]:
        return {
            "summary": text,
            "sources": [
                {"sentence": each.text, "places": [span_fields(collection, span) for span in each.spans]}
                for each in sentences
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
            "extracted": end.extracted,
            "unsupported": end.unsupported,
            "seconds": round(seconds, 3),
            "tokens_per_second": round(end.tokens_read / max(seconds, 0.001), 1),
            "reason": end.reason,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(end.usage),
        }
