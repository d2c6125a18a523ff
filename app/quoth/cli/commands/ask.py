"""`quoth ask -f FILE "question"`: an answer from documents, with the lines where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import EngineError, Exit, InputError, UsageError

if TYPE_CHECKING:
    from quoth.library.documents import OpenDocuments
    from quoth.library.model import Model
    from quoth.tasks.question_answering import Answered

HELP = """Answer QUESTION from documents, and cite the lines that say so.

Quotes are looked up in the documents before they are shown. What is not in the documents is said to be so, with
exit code 8. Without QUESTION, on a terminal, questions are asked one after another.

\b
Examples:
  quoth ask -f policy.txt "How long may a package name be?"
  quoth ask -f src/ -f README.md "Where is the timeout set?"
  pdftotext report.pdf - | quoth ask "Who signed it?"
"""
NOT_FOUND = "not in the documents"


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="A file, a folder or a pattern; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Put the question to every passage; takes its time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@setting_options("model", "ctx", "threads", "gpu_layers", "template", "max_input", "private", "offline", "quiet")
@click.pass_obj
def command(
    environment: Environment,
    /,
    words: tuple[str, ...],
    files: tuple[str, ...],
    everything: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    from quoth.cli.documents import open_documents
    from quoth.cli.run.choosing import choose_model
    from quoth.library.model import Model

    environment.use(flags)
    streams = environment.streams
    streams.require_stdout()
    question = " ".join(words).strip()
    if not files:
        if streams.stdin_isatty:
            raise UsageError("there are no documents to ask about", "", 'Name one: quoth ask -f FILE "question"')
        files = ("-",)
    if not question and (not streams.stdin_isatty or as_json):
        raise UsageError("there is no question", "", 'Say one: quoth ask -f FILE "question"')
    with (
        Model(environment, choose_model(environment)) as model,
        open_documents(environment, files) as documents,
    ):
        questions = _Questions(environment, model, documents, everything=everything, as_json=as_json)
        return questions.answer(question) if question else questions.converse()


class _Questions:
    """Questions about documents that were read once."""

    def __init__(
        self, environment: Environment, model: Model, documents: OpenDocuments, *, everything: bool, as_json: bool
    ) -> None:
        self._streams = environment.streams
        self._model = model
        self._as_json = as_json
        model.ready()
        self._asking = model.asking(documents, everything=everything)
        self._collection = self._asking.collection

    def answer(self, question: str) -> int:
        """Answer one question; returns the exit code."""
        from quoth.engine import Notice
        from quoth.tasks.question_answering import Answered, PassagesRead

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
        """Questions from the terminal until Ctrl-D; the documents stay read."""
        self._streams.say(f"{len(self._collection):,} passages; ask, Ctrl-D ends it")
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
        unread = len(self._collection) - len(set(answered.read))
        if self._as_json:
            import json

            self._streams.answer(json.dumps(self._fields(question, answered), ensure_ascii=False))
        elif not answered.found:
            self._streams.answer(NOT_FOUND)
        else:
            self._streams.answer(self._shown(answered))
        self._streams.finish()
        if not answered.found and unread:
            self._streams.say(
                f"{len(answered.read):,} passages that rank best were read, {unread:,} were not; --all reads them too"
            )

    def _shown(self, answered: Answered) -> str:
        """The answer, and the quotes that hold it, each with its place; a quote that is the answer stands once."""
        cites = [self._collection.cite(citation.span) for citation in answered.citations]
        quotes = [citation.quote for citation in answered.citations]
        if answered.answer == " ".join(quotes):
            return "\n".join(f"{quote} [{cite}]" for quote, cite in zip(quotes, cites, strict=True))
        lines = [f"  “{quote}” [{cite}]" for quote, cite in zip(quotes, cites, strict=True)]
        return "\n".join([answered.answer, "", *lines])

    def _fields(self, question: str, answered: Answered) -> dict[str, Any]:
        from quoth.cli.documents import span_fields
        from quoth.library.fields import usage_fields
        from quoth.version import __version__

        read = len(set(answered.read))
        return {
            "question": question,
            "answer": answered.answer if answered.found else NOT_FOUND,
            "found": answered.found,
            "citations": [
                {**span_fields(self._collection, citation.span), "quote": citation.quote}
                for citation in answered.citations
            ],
            "passages_read": read,
            "passages_unread": len(self._collection) - read,
            "reason": answered.reason,
            "version": __version__,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(answered.usage),
        }
