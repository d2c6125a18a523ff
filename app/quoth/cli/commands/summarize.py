"""`quoth summarize [FILE...]`: a summary of documents of any length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from quoth.cli.environment import Environment, existing
from quoth.cli.options import HELP_NAMES, setting_options
from quoth.errors import InputError, UsageError

if TYPE_CHECKING:
    from quoth.documents import Document
    from quoth.tasks.summaries.summarize import SummaryOptions
    from quoth.tasks.summaries.summary import Style

HELP = """Summarize FILEs, folders, or standard input. All of it is read, and the end says so.

Reads text, Markdown, HTML, PDF, EPUB, DOCX, man pages, subtitles, email and source code. Words that name no file are
what the summary should be about, when a pipe has the text.

\b
Examples:
  quoth summarize report.pdf
  quoth summarize --extract --length short notes.md
  git log | quoth summarize the changes
"""


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
def command(
    environment: Environment,
    /,
    words: tuple[str, ...],
    length: str,
    style: Style,
    focus: str,
    language: str,
    extracts: bool | None,
    cite: bool | None,
    each: bool,
    as_json: bool,
    output: str | None,
    verbose: bool,
    **flags: Any,
) -> int:
    from quoth.cli.run.choosing import choose_model
    from quoth.cli.run.summarizing import Output, Shape, SummaryCommand
    from quoth.library.model import Model
    from quoth.library.opened_documents import require_text

    environment.use(flags)
    environment.streams.require_stdout()
    wish = _wish(length, style, focus, language)
    shape = Shape(extracts=extracts, cite=cite, json=as_json or each, verbose=verbose)
    target = Output.of(environment.streams, output)
    with Model(environment, choose_model(environment)) as model:
        documents, more_focus = _documents(environment, words)
        if more_focus:
            wish = _focused(wish, more_focus)
        require_text(documents)
        work = SummaryCommand(environment, model, wish, shape, target)
        code = work.each(documents) if each else work.together(documents)
        target.finish()
    return code


def _wish(length: str, style: Style, focus: str, language: str) -> SummaryOptions:
    from quoth.tasks.summaries.summarize import LENGTHS, SummaryOptions

    words = LENGTHS.get(length) or (int(length) if length.isdecimal() else 0)
    if not 1 <= words <= 10_000:
        raise UsageError("--length must be short, medium, long or from 1 to 10000 words", f"it is {length!r}", "")
    return SummaryOptions(words, style, focus.strip(), language.strip())


def _focused(wish: SummaryOptions, focus: str) -> SummaryOptions:
    from dataclasses import replace

    return replace(wish, focus=f"{wish.focus} {focus}".strip())


def _documents(environment: Environment, words: Sequence[str]) -> tuple[list[Document], str]:
    """The documents that operands name; where a pipe has the text, the words that name none are the focus."""
    from quoth.cli.documents import existing_or_glob, read_documents
    from quoth.library.opened_documents import looks_like_file

    named = [word for word in words if existing_or_glob(existing, word)]
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
