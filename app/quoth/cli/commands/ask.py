"""`quoth ask -f FILE "question"`: an answer from documents, with the lines that support it."""

from __future__ import annotations

import click

from quoth.cli.options import DOCUMENT_SETTINGS, json_option, jsonl_option, runs, setting_options


@click.command()
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE", help="A file, a folder or a pattern; may be repeated."
)
@click.option("--all", "everything", is_flag=True, help="Put the question to every passage; this takes time.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    default=30,
    metavar="SECONDS",
    help="How long to read at most; one passage is always read (default 30).",
)
@json_option
@jsonl_option
@setting_options(*DOCUMENT_SETTINGS)
@runs("answer_citations:ask")
def command() -> None:
    """Answer QUESTION from documents, and cite the lines that say so.

    What the words of QUESTION find is told at once. An answer is shown if the model is sure that the documents say it;
    else the command says that they do not, and what comes nearest, and its exit code is 8. Without QUESTION, on a
    terminal, you can ask one question after another.

    \b
    Examples:
      quoth ask -f policy.txt "How long may a package name be?"
      quoth ask -f src/ -f README.md "Where is the timeout set?"
      pdftotext report.pdf - | quoth ask "Who signed it?"
    """
