"""`quoth ask`: answers with the quotes that support them, each with its citation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quoth.cli.document_operands import open_documents, span_fields
from quoth.cli.environment import Environment
from quoth.cli.printing import print_result
from quoth.cli.run.chosen_model import open_chosen_model
from quoth.cli.streams import Streams
from quoth.documents.citation import bracketed
from quoth.engine import Notice
from quoth.errors import EngineError, Exit, InputError, UsageError
from quoth.library.answer_fields import usage_fields
from quoth.library.document_answers import asking
from quoth.library.model import Model
from quoth.tasks.question_answering import Answered, PassagesRead, QuestionAnswering
from quoth.tasks.status_text import NOT_FOUND, some_read

HINT = 'For example: quoth ask -f report.pdf "Who signed it?"'


def ask(environment: Environment, words: Sequence[str], files: Sequence[str], everything: bool, as_json: bool) -> int:
    """Answer a question, or those that are typed. Returns the exit code."""
    streams = environment.streams
    streams.require_stdout()
    question = " ".join(words).strip()
    if not files:
        if streams.stdin_isatty:
            raise UsageError("there are no documents to ask about", "", HINT)
        files = ("-",)
    if not question and (not streams.stdin_isatty or as_json):
        raise UsageError("there is no question", "", HINT)
    with open_chosen_model(environment) as model, open_documents(environment, files, HINT) as documents:
        model.ready()
        questions = _Questions(streams, model, asking(model, documents, everything=everything), as_json)
        return questions.answer(question) if question else questions.converse()


class _Questions:
    """Questions about documents that are read once."""

    def __init__(self, streams: Streams, model: Model, asking: QuestionAnswering, as_json: bool) -> None:
        self._streams, self._model, self._asking, self._as_json = streams, model, asking, as_json
        self._collection = asking.collection

    def answer(self, question: str) -> int:
        """Answer one question; returns the exit code."""
        for event in self._asking.events(question):
            match event:
                case PassagesRead(done, total):
                    self._streams.progress.update("reading", done, total, "passages")
                case Notice(_, notice):
                    self._streams.say(notice)
                case Answered():
                    self._streams.progress.clear()
                    self._write(question, event)
                    return int(Exit.OK if event.found else Exit.NOT_FOUND_IN_DOCUMENTS)
        raise AssertionError("a question without an end")

    def converse(self) -> int:
        """Questions from the terminal until Ctrl-D; returns the exit code of the last one."""
        self._streams.say(f"{len(self._collection):,} passages. Type a question; Ctrl-D ends")
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

    def _write(self, question: str, answered: Answered) -> None:
        read = len(set(answered.read))
        unread = len(self._collection) - read
        lines = self._cited(answered) if answered.found else [NOT_FOUND]
        print_result(self._streams, self._as_json, self._fields(question, answered, read), lines)
        if not answered.found and unread:
            self._streams.say(f"{some_read(read, len(self._collection))}; --all reads all of them")

    def _cited(self, answered: Answered) -> list[str]:
        """The answer, then its quotes, each with its citation; quotes that are the answer stand once."""
        cited = [(each.quote, bracketed([self._collection.cite(each.span)])) for each in answered.citations]
        if answered.answer == " ".join(quote for quote, _ in cited):
            return [f"{quote} {cite}" for quote, cite in cited]
        return [answered.answer, "", *(f"  “{quote}” {cite}" for quote, cite in cited)]

    def _fields(self, question: str, answered: Answered, read: int) -> dict[str, Any]:
        return {
            "question": question,
            "answer": answered.answer if answered.found else NOT_FOUND,
            "found": answered.found,
            "citations": [
                {**span_fields(self._collection, each.span), "quote": each.quote} for each in answered.citations
            ],
            "passages_read": read,
            "passages_unread": len(self._collection) - read,
            "reason": answered.reason,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(answered.usage),
        }
