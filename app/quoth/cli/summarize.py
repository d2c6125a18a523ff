"""`quoth summarize [FILE...]`: a summary of documents of any length."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment, existing
from quoth.cli.options import HELP_NAMES, setting_options, split_settings
from quoth.errors import Ended, InputError, QuothError, UsageError

if TYPE_CHECKING:
    from quoth.documents import Document
    from quoth.engine.client import Client
    from quoth.models import Model
    from quoth.tasks.collection import Collection
    from quoth.tasks.summarize import Sentence, Summarized, Wish

HELP = """Summarize FILEs, folders, or standard input. All of it is read, and the end says so.

Reads text, Markdown, HTML, PDF, EPUB, DOCX, man pages, subtitles, email and source code. Words that name no file are
what the summary should be about, when a pipe has the text.

\b
Examples:
  quoth summarize report.pdf
  quoth summarize --extract --length short notes.md
  git log | quoth summarize the changes
"""
LONG = 60  # seconds of work that are announced before


@click.command(help=HELP, context_settings=HELP_NAMES)
@click.argument("words", nargs=-1, metavar="[FILE]...")
@click.option("--length", default="medium", metavar="short|medium|long|N", help="How long, or how many words.")
@click.option(
    "--style", type=click.Choice(["prose", "bullets", "outline"]), default="prose", help="What it looks like."
)
@click.option("--focus", default="", metavar="TEXT", help="What it should be about.")
@click.option("--language", default="", metavar="LANG", help="What language to write it in.")
@click.option(
    "--extract/--write",
    "extracts",
    default=None,
    help="The most telling sentences word for word; or have the model write. Very small models extract by themselves.",
)
@click.option("--cite/--no-cite", default=None, help="Put its place behind each sentence.")
@click.option("--each", is_flag=True, help="One summary for each file, as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE when all is done.")
@click.option("-v", "--verbose", is_flag=True, help="Show the notes on each part.")
@setting_options("model", "ctx", "threads", "gpu_layers", "template", "max_input", "private", "offline", "quiet")
@click.pass_obj
def command(environment: Environment, /, **values: Any) -> int:
    from quoth.cli.choosing import choose_model
    from quoth.cli.documents import require_text

    flags, rest = split_settings(values)
    environment.use(flags)
    environment.streams.require_stdout()
    wish = _wish(rest)
    model = choose_model(environment)
    with environment.engine(model) as client:
        documents, focus = _documents(environment, rest["words"])
        if focus:
            wish = _focused(wish, focus)
        require_text(documents)
        work = _Work(environment, client, model, wish, rest)
        for batch in [[document] for document in documents] if rest["each"] else [documents]:
            work.summarize(batch)
        work.finish()
    return 0


def _wish(rest: dict[str, Any]) -> Wish:
    from quoth.tasks.summarize import LENGTHS, Wish

    length = rest["length"]
    words = LENGTHS.get(length) or (int(length) if length.isdecimal() else 0)
    if not 1 <= words <= 10_000:
        raise UsageError("--length must be short, medium, long or from 1 to 10000 words", f"it is {length!r}", "")
    return Wish(words, rest["style"], rest["focus"].strip(), rest["language"].strip())


def _focused(wish: Wish, focus: str) -> Wish:
    from dataclasses import replace

    return replace(wish, focus=f"{wish.focus} {focus}".strip())


def _documents(environment: Environment, words: Sequence[str]) -> tuple[list[Document], str]:
    """The documents that operands name; where a pipe has the text, the words that name none are the focus."""
    from quoth.cli.documents import existing_or_glob, read_documents

    named = [word for word in words if existing_or_glob(existing, word)]
    others = [word for word in words if word not in named]
    piped = not environment.streams.stdin_isatty
    if others and named:
        raise InputError(f"{others[0]} does not exist", "", "Check the name; --focus TEXT says what matters")
    if not named:
        if not piped:
            what = f"{others[0]} does not exist" if others else "there is nothing to summarize"
            raise UsageError(what, "", "Name a file, or pipe a text: quoth summarize report.pdf")
        named = ["-"]
    documents = read_documents(environment, named)
    if others and not any(len(document.text) for document in documents):
        raise InputError(f"{others[0]} does not exist", "and standard input is empty", "Check the name")
    return documents, " ".join(others)


@dataclass(slots=True)
class _Result:
    """One summary as it is written."""

    text: str
    sentences: list[Sentence]
    end: Summarized
    collection: Collection
    seconds: float
    extracted: bool


class _Work:
    """Summaries with one model, written as they come, or at the end."""

    def __init__(
        self, environment: Environment, client: Client, model: Model, wish: Wish, options: dict[str, Any]
    ) -> None:
        from quoth.tasks.classes import model_class

        self._environment = environment
        self._streams = environment.streams
        self._client = client
        self._model = model
        self._wish = wish
        self._options = options
        info = client.ready()
        if not environment.store.is_trusted(model.path):
            environment.store.trust(model.path)
        self._class = model_class(info.n_params)
        self._extracts = self._class.extracts if options["extracts"] is None else bool(options["extracts"])
        if self._extracts and options["extracts"] is None:
            self._streams.say(
                f"{model.name} is too small to be trusted with a summary in words of its own: "
                "these are the text's most telling sentences (--write has it write)"
            )
        self._cites = self._extracts if options["cite"] is None else bool(options["cite"])
        self._as_json = bool(options["as_json"] or options["each"])
        self._shows = not (self._as_json or options["output"])
        self._output: list[str] = []

    def summarize(self, documents: Sequence[Document]) -> None:
        """One summary of documents together."""
        from quoth.tasks.collection import Collection

        began = time.monotonic()
        collection = Collection(documents, self._client.offsets, self._class.part)
        try:
            result = self._run(collection, began)
        except (Ended, QuothError):
            self._streams.interrupt()
            self._say_what_is_kept(collection)
            raise
        if self._as_json:
            import json

            self._put(json.dumps(self._fields(result), ensure_ascii=False) + "\n")
        self._say_coverage(result)

    def _run(self, collection: Collection, began: float) -> _Result:
        from quoth.cli.documents import model_key
        from quoth.engine import Notice
        from quoth.tasks import summarize as task

        if self._extracts:
            events = task.by_extract(collection, self._wish)
        else:
            summary = task.Summary(
                self._client,
                collection,
                self._wish,
                kept=self._environment.notes,
                model=model_key(self._model),
                keep=not self._environment.settings["private"],
            )
            events = summary.events()
        text, sentences, self._done = "", [], 0
        for event in events:
            match event:
                case task.Step(verb, done, total, unit, what):
                    self._streams.progress.update(verb, done, total, unit, what)
                case task.Planned():
                    self._say_plan(event)
                case task.Noted(part, notes):
                    self._done += 1
                    if self._options["verbose"]:
                        self._streams.say(f"[{collection.cite(collection.span(part))}]")
                        for line in notes.splitlines():
                            self._streams.say(f"  {line}")
                case Notice(_, notice):
                    self._streams.say(notice)
                case task.Sentence():
                    piece = event.before + event.text + self._citation(collection, event)
                    text += piece
                    sentences.append(event)
                    if self._shows:
                        self._streams.answer(piece)
                case task.Summarized():
                    self._streams.progress.clear()
                    if self._shows:
                        self._streams.finish()
                    elif not self._as_json:
                        self._put(text + "\n")
                    return _Result(text, sentences, event, collection, time.monotonic() - began, self._extracts)
        raise QuothError("the summary has no end", "this is a bug", "Please report it")

    def _citation(self, collection: Collection, sentence: Sentence) -> str:
        if not self._cites or not sentence.spans:
            return ""
        return f" [{'; '.join(dict.fromkeys(map(collection.cite, sentence.spans)))}]"

    def _put(self, text: str) -> None:
        """To the output: at once, or with -o at the end."""
        if self._options["output"]:
            self._output.append(text)
        else:
            self._streams.answer(text)
            self._streams.finish()

    def finish(self) -> None:
        """Write the file of -o, whole or not at all; say what could not be kept."""
        if self._options["output"]:
            from pathlib import Path

            from quoth.models import disk

            with disk.attempt(f"write {self._options['output']}"):
                disk.write(Path(self._options["output"]), "".join(self._output).encode("utf-8", "replace"))
        if self._environment.notes.problem:
            self._streams.say(f"notes are not kept: {self._environment.notes.problem}")

    def _say_plan(self, plan: Any) -> None:
        from quoth.cli.documents import minutes

        if plan.seconds > LONG:
            known = f", {plan.known} of them known from before" if plan.known else ""
            self._streams.say(
                f"{plan.tokens:,} tokens in {plan.parts} parts{known}: about {minutes(plan.seconds)} with "
                f"{self._model.name}; --extract takes seconds, a smaller model (-m) less time"
            )

    def _say_what_is_kept(self, collection: Collection) -> None:
        if self._done and not self._extracts and not self._environment.settings["private"]:
            self._streams.say(
                f"the notes on {self._done} of {len(collection)} parts are kept: the same command goes on from there"
            )

    def _say_coverage(self, result: _Result) -> None:
        from quoth.cli.documents import minutes

        end = result.end
        rate = f", {end.tokens_read / result.seconds:,.0f} tokens/s" if result.seconds > 0.1 else ""
        known = f" ({end.known} from before)" if end.known else ""
        left = f"; {end.unsupported} unsupported sentences left out" if end.unsupported else ""
        self._streams.say(
            f"read {end.parts_read:,} of {end.parts:,} parts{known}, {end.tokens_read:,} of {end.tokens:,} tokens, "
            f"{end.dropped:,} dropped, in {minutes(result.seconds)}{rate}{left}"
        )
        if end.dropped:
            raise QuothError(f"{end.dropped:,} tokens were not read", "this is a bug", "Please report it")

    def _fields(self, result: _Result) -> dict[str, Any]:
        from quoth import __version__
        from quoth.cli.documents import span_fields
        from quoth.cli.output import usage_fields

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
                "tokens": end.tokens,
                "tokens_read": end.tokens_read,
                "dropped": end.dropped,
                "parts_known": end.known,
            },
            "files": [document.name for document in collection.documents],
            "extracted": result.extracted,
            "unsupported": end.unsupported,
            "seconds": round(result.seconds, 3),
            "reason": end.reason,
            "version": __version__,
            "model": self._model.name,
            "seed": 0,
            "usage": usage_fields(end.usage),
        }
