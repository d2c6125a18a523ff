"""Documents as commands take them and name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quoth.cli.environment import Environment, existing
from quoth.documents import Document, Place, read_stream
from quoth.library.opened_documents import OpenDocuments, document_limit, read_named, require_text
from quoth.tasks.collection import Collection, Span


def open_documents(environment: Environment, names: Sequence[str], hint: str) -> OpenDocuments:
    """The documents that operands name, with progress as they are cut. Raises InputError, with `hint`, without text."""
    documents = read_documents(environment, names)
    require_text(documents, hint)
    return OpenDocuments(documents, progress=environment.streams.progress.update)


def read_documents(environment: Environment, names: Sequence[str]) -> list[Document]:
    """The documents that files, folders and globs name, each once, "-" being standard input; what is left out is told.

    Raises InputError for a file that was named and cannot be read; of a folder or a pattern the others are read.
    """
    limit, streams = document_limit(environment), environment.streams
    return read_named(
        names,
        limit=limit,
        tell=environment.tell,
        piped=lambda: read_stream(streams.stdin(), name="stdin", limit=limit),
    )


def place_fields(document: Document, place: Place) -> dict[str, Any]:
    """A place as JSON names it: file, lines and page always, null where a document has none; the rest where it is."""
    more = {"end_page": place.end_page, "chapter": place.chapter, "headings": list(place.headings)}
    return {
        "file": document.name,
        "start_line": place.start_line or None,
        "end_line": place.end_line or None,
        "page": place.page or None,
        **{name: value for name, value in more.items() if value},
    }


def span_fields(collection: Collection, span: Span) -> dict[str, Any]:
    return place_fields(collection.documents[span.document], collection.place(span))


def names_documents(word: str) -> bool:
    """Whether an operand names documents: "-", something on the disk, or a pattern."""
    return word == "-" or existing(word) or any(mark in word for mark in "*?[")
