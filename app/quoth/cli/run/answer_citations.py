"""`quoth ask`: answers with the quotes that support them, each with its citation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quoth.cli.answer_writer import Format
from quoth.cli.document_operands import open_documents, span_fields
from quoth.cli.environment import Environment
from quoth.cli.printing import print_json, print_result
from quoth.cli.run.answer_session import answer_format
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.cli.streams import Streams
from quoth.documents.citation import bracketed
from quoth.engine import Notice
from quoth.errors import EngineError, Exit, InputError, UsageError
from quoth.library.answer_fields import usage_fields
from quoth.library.document_answers import asking
from quoth.library.model import Model
from quoth.tasks.answers.events import Answered, Citation, Drafted, Event, PassagesRead, QuotesFound, ReadingPlanned
from quoth.tasks.answers.question_answering import QuestionAnswering
from quoth.tasks.status_text import LONG, NOT_FOUND, planned_reading, some_read
from quoth.text.units import counted

HINT = 'For example: quoth ask -f report.pdf "Who signed it?"'


def ask(
    environment: Environment,
    words: Sequence[str],
    files: Sequence[str],
    everything: bool,
    budget: float,
    as_json: bool,
    as_jsonl: bool,
) -> int:
    """Answer a question, or those that are typed. Returns the exit code."""
    streams = environment.streams
    streams.require_stdout()
    format_ = answer_format(json=as_json, jsonl=as_jsonl, logprobs=None)
    question = " ".join(words).strip()
    if not files:
        if streams.stdin_isatty:
            raise UsageError("there are no documents to ask about", "", HINT)
        files = ("-",)
    if not question and (not streams.stdin_isatty or as_json or as_jsonl):
        raise UsageError("there is no question", "", HINT)
    with open_chosen_model(environment) as model, open_documents(environment, files, HINT) as documents:
        model.ready()
        asked = asking(model, documents, everything=everything, budget=budget)
        questions = _Questions(streams, model, asked, format_)
        return questions.answer(question) if question else questions.converse()


class _Questions:
    """Questions about documents that are read once."""

    def __init__(self, streams: Streams, model: Model, asking: QuestionAnswering, format_: Format) -> None:
        self._streams, self._model, self._asking, self._format = streams, model, asking, format_
        self._collection = asking.collection

    def answer(self, question: str) -> int:
        """Answer one question; returns the exit code."""
        for event in self._asking.events(question):
            if self._format.jsonl and not isinstance(event, Answered):
                self._line(event)
            match event:
                case QuotesFound():
                    self._show_quotes(event)
                case ReadingPlanned(seconds=seconds) if seconds > LONG:
                    self._streams.say(planned_reading(event, self._model.name))
                case PassagesRead(done, total):
                    self._streams.progress.update("reading", done, total, "passages")
                case Drafted(text):
                    self._streams.progress.show(f"writing: {text}")
                case Notice(_, notice):
                    self._streams.say(notice)
                case Answered():
                    self._streams.progress.clear()
                    self._write(question, event)
                    return int(Exit.OK if event.found else Exit.NOT_FOUND_IN_DOCUMENTS)
        raise AssertionError("a question without an end")

    def converse(self) -> int:
        """Questions from the terminal until Ctrl-D; returns the exit code of the last one."""
        self._streams.say(f"{counted(len(self._collection), 'passages')}. Type a question; Ctrl-D ends")
        code = 0
        while (line := self._streams.read_line(">")) is not None:
            if not line.strip():
                continue
            try:
                code = self.answer(line.strip())
            except (InputError, EngineError) as error:
                self._streams.error(error)
                code = int(error.exit_code)
        return code

    def _show_quotes(self, found: QuotesFound) -> None:
        """What is known at once, while the model reads."""
        if found.citations and self._asking.reads:
            self._streams.say(f"found by its words: {self._quoted(found.citations[0])}")

    def _quoted(self, citation: Citation) -> str:
        return f"“{citation.quote}” {bracketed([self._collection.cite(citation.span)])}"

    def _write(self, question: str, answered: Answered) -> None:
        read = len(set(answered.read))
        unread = len(self._collection) - read
        lines = self._cited(answered) if answered.found else [NOT_FOUND]
        fields = self._fields(question, answered, read)
        if self._format.jsonl:
            print_json(self._streams, {"event": "answered", **fields})
        else:
            print_result(self._streams, self._format.json, fields, lines)
        if answered.found:
            return
        if answered.nearest:
            self._streams.say(f"nearest: {self._quoted(answered.nearest[0])}")
        if unread:
            self._streams.say(f"{some_read(read, len(self._collection))}; --all reads all of them")

    def _cited(self, answered: Answered) -> list[str]:
        """The answer, then its quotes, each with its citation; quotes that are the answer stand once."""
        cited = [(each.quote, bracketed([self._collection.cite(each.span)])) for each in answered.citations]
        if answered.answer == " ".join(quote for quote, _ in cited):
            return [f"{quote} {cite}" for quote, cite in cited]
        return [answered.answer, "", *(f"  “{quote}” {cite}" for quote, cite in cited)]

    def _line(self, event: Event) -> None:
        """An event as a line of JSON."""
        fields = event._asdict()
        if isinstance(event, QuotesFound):
            fields["citations"] = self._citations(event.citations)
        print_json(self._streams, {"event": type(event).__name__.lower(), **fields})

    def _citations(self, citations: Sequence[Citation]) -> list[dict[str, Any]]:
        return [{**span_fields(self._collection, each.span), "quote": each.quote} for each in citations]

    def _read_by_model(self, answered: Answered) -> list[str]:
        """The passages that a model has read, as they are cited; those that words were looked for in are too many."""
        parts = dict.fromkeys(answered.read) if self._asking.reads else ()
        return [self._collection.cite(self._collection.span(part)) for part in parts]

    def _fields(self, question: str, answered: Answered, read: int) -> dict[str, Any]:
        return {
            "question": question,
            "answer": answered.answer if answered.found else NOT_FOUND,
            "found": answered.found,
            "citations": self._citations(answered.citations),
            "nearest": self._citations(answered.nearest),
            "odds": answered.odds,
            "source_odds": answered.source_odds,
            "thresholds": self._asking.thresholds_from,
            "read": self._read_by_model(answered),
            "passages_read": read,
            "passages_unread": len(self._collection) - read,
            "reason": answered.reason,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(answered.usage),
        }
