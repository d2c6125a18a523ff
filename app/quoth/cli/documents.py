"""Documents as commands take them: files, folders, globs, a pipe."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from quoth.cli.environment import Environment
from quoth.cli.streams import Streams
from quoth.documents import Document, Place, gather, read, read_stream
from quoth.errors import InputError
from quoth.models import ModelFile
from quoth.passages import Ends
from quoth.tasks.collection import Collection, Span

MOST = 1024**3  # bytes of a document, unless --max-input says otherwise


def limit(environment: Environment) -> int:
    settings = environment.settings
    return int(settings["max_input"]) if settings.is_set("max_input") else MOST


def read_documents(environment: Environment, names: Sequence[str]) -> list[Document]:
    """The documents that files, folders and globs name, each once, "-" being standard input; what is left out is told.

    Raises InputError for a file that was named and cannot be read; of a folder or a pattern the others are read.
    """
    documents: list[Document] = []
    seen: set[str] = set()
    for name in dict.fromkeys(names):
        if name == "-":
            documents.append(read_piped(environment))
            continue
        gathered = gather([name])
        tell_skipped(environment, gathered.skipped)
        files = [file for file in gathered.files if os.path.realpath(file) not in seen]
        seen.update(map(os.path.realpath, files))
        documents += _read_all(environment, name, files)
    tell_notices(environment, documents)
    return documents


def _read_all(environment: Environment, name: str, files: Sequence[str]) -> list[Document]:
    documents: list[Document] = []
    skipped: list[tuple[str, str]] = []
    for file in files:
        try:
            documents.append(read(file, limit=limit(environment)))
        except InputError as error:
            if file == name:
                raise
            skipped.append((file, error.what.removeprefix(file).strip()))
    if files and not documents:
        raise InputError(f"{name} has no readable files", f"{len(skipped)} skipped: {skipped[-1][0]} {skipped[-1][1]}")
    tell_skipped(environment, skipped)
    return documents


def read_piped(environment: Environment) -> Document:
    return read_stream(environment.streams.stdin(), name="stdin", limit=limit(environment))


def with_progress(streams: Streams, documents: Sequence[Document], ends: Ends) -> Ends:
    """Engine.offsets that shows how far the documents have been cut into parts."""
    total, done = sum(len(document.text) for document in documents), 0

    def offsets(text: str) -> Sequence[int]:
        nonlocal done
        streams.progress.update("splitting", done, total, "characters")
        done += len(text)
        return ends(text)

    return offsets


def tell_skipped(environment: Environment, skipped: Sequence[tuple[str, str]]) -> None:
    if skipped:
        first = "; ".join(f"{name}: {why}" for name, why in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        environment.streams.say(f"left out: {first}{more}")


def tell_notices(environment: Environment, documents: Sequence[Document]) -> None:
    for document in documents:
        for notice in document.notices:
            environment.streams.say(f"{document.name}: {notice}")


def require_text(documents: Sequence[Document]) -> None:
    """Raises InputError where no document has any text."""
    if not any(piece.strip() for document in documents for piece in document.text):
        names = ", ".join(document.name for document in documents[:3])
        more = f" and {len(documents) - 3} more" if len(documents) > 3 else ""
        what = f"{names}{more} {'have' if len(documents) > 1 else 'has'} no text"
        why = "only white space" if any(len(document.text) for document in documents) else "empty"
        raise InputError(what, why, "Name a file that has some")


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


def model_key(model: ModelFile) -> str:
    """What tells this model from any other: its hash, or its file's path, size and time."""
    if model.sha256:
        return model.sha256
    found = model.path.stat()
    return f"{model.path.absolute()}:{found.st_size}:{found.st_mtime_ns}"


def existing_or_glob(exists: Callable[[str], bool], word: str) -> bool:
    """Whether an operand names documents: "-", something on the disk, or a pattern."""
    return word == "-" or exists(word) or any(mark in word for mark in "*?[")


def looks_like_file(word: str) -> bool:
    """Whether a word that names nothing was meant to: it has a folder or a suffix."""
    stem, dot, suffix = word.rpartition(".")
    has_suffix = bool(stem and dot) and suffix.isalnum() and suffix[:1].isalpha() and len(suffix) <= 5
    return not any(map(str.isspace, word)) and (has_suffix or "/" in word or os.sep in word)
