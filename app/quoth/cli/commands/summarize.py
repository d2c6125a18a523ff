"""`quoth summarize [FILE...]`: a summary of documents of any length."""

from __future__ import annotations

import click

from quoth.cli.options import DOCUMENT_SETTINGS, json_option, runs, setting_options


@click.command()
@click.argument("words", nargs=-1, metavar="[FILE]...")
@click.option("--length", default="medium", metavar="short|medium|long|N", help="How long, or how many words.")
@click.option("--style", type=click.Choice(["prose", "bullets", "outline"]), default="prose", help="The layout.")
@click.option("--focus", default="", metavar="TEXT", help="What the summary should be about.")
@click.option("--language", default="", metavar="LANG", help="The language to write it in.")
@click.option(
    "--extract/--write",
    "extracts",
    default=None,
    help="Quote the most telling sentences, or have the model write. Very small models extract by default.",
)
@click.option("--cite/--no-cite", "cites", default=None, help="Cite the place after each sentence.")
@click.option("--each", is_flag=True, help="One summary for each file, as JSON lines.")
@json_option
@click.option("-o", "--output", metavar="FILE", help="Write to FILE once everything is done.")
@click.option("-v", "--verbose", is_flag=True, help="Show the notes on each part.")
@setting_options(*DOCUMENT_SETTINGS)
@runs("summary_output:summarize")
def command() -> None:
    """Summarize FILEs, folders, or standard input. All of it is read, and the last line says so.

    Reads text, Markdown, HTML, PDF, EPUB, DOCX, man pages, subtitles, email and source code. If a pipe provides the
    text, words that name no file say what the summary should be about.

    \b
    Examples:
      quoth summarize report.pdf
      quoth summarize --extract --length short notes.md
      git log | quoth summarize the changes
    """
