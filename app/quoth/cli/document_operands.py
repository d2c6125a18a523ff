"""Documents as commands take them: what operands name, and how JSON names a place in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from quoth.cli.environment import Environment
from quoth.documents import Document, read_stream
from quoth.errors import InputError, UsageError
from quoth.library.opened_documents import OpenDocuments, document_limit, looks_like_file, read_named, require_text
from quoth.tasks.collection import Collection, Span


def open_documents(environment: Environment, names: Sequence[str], hint: str) -> OpenDocuments:
    """The documents that operands name, with progress as they are cut. Raises InputError, with `hint`, without text."""
    documents = read_documents(environment, names)
    require_text(documents, hint)
    return OpenDocuments(documents, progress=environment.streams.progress.update)


def read_documents(environment: Environment, names: Sequence[str]) -> list[Document]:
    """The documents that files, folders, patterns and "-" name, as library.opened_documents.read_named reads them."""
    streams, limit = environment.streams, document_limit(environment)
    return read_named(
        names, limit=limit, tell=environment.tell, piped=lambda: read_stream(streams.stdin(), limit=limit)
    )


def documents_and_focus(environment: Environment, words: Sequence[str]) -> tuple[list[Document], str]:
    """The documents that operands name; if a pipe provides the text, the other words are the focus of the summary."""
    named = [word for word in words if _names_documents(word)]
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


def _names_documents(word: str) -> bool:
    return word == "-" or os.path.exists(word) or any(mark in word for mark in "*?[")


def span_fields(collection: Collection, span: Span) -> dict[str, Any]:
    """A place as JSON names it: always file, lines and page, null if unknown; the rest if the document has it."""
    place = collection.place(span)
    more = {"end_page": place.end_page, "chapter": place.chapter, "headings": list(place.headings)}
    return {
        "file": collection.documents[span.document].name,
        "start_line": place.start_line or None,
        "end_line": place.end_line or None,
        "page": place.page or None,
        **{name: value for name, value in more.items() if value},
    }
