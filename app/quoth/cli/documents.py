"""Documents as commands take them: files, folders, globs, a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from quoth.cli.environment import Environment
from quoth.documents import Document, Place, gather, read, read_stream
from quoth.errors import InputError
from quoth.models import Model
from quoth.tasks.collection import Collection, Span

MOST = 1024**3  # bytes of a document, unless --max-input says otherwise
OPTIONS = ("model", "ctx", "threads", "gpu_layers", "template", "max_input", "private", "offline", "quiet")


def limit(environment: Environment) -> int:
    settings = environment.settings
    return int(settings["max_input"]) if settings.is_set("max_input") else MOST


def read_documents(environment: Environment, names: Sequence[str]) -> list[Document]:
    """The documents that files, folders and globs name, "-" being standard input; what is left out is told."""
    documents: list[Document] = []
    for name in names:
        if name == "-":
            documents.append(read_piped(environment))
            continue
        gathered = gather([name])
        tell_skipped(environment, gathered.skipped)
        documents += [read(file, limit=limit(environment)) for file in gathered.files]
    tell_notices(environment, documents)
    return documents


def read_piped(environment: Environment) -> Document:
    return read_stream(environment.streams.stdin(), name="stdin", limit=limit(environment))


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
    if not any(document.text[:].strip() if len(document.text) < 1000 else True for document in documents):
        names = ", ".join(document.name for document in documents)
        raise InputError(f"{names} has no text", "it is empty", "Name a file that has some")


def place_fields(document: Document, place: Place) -> dict[str, Any]:
    """A place as JSON names it; what a document does not have is left out."""
    fields = {
        "file": document.name,
        "start_line": place.start_line,
        "end_line": place.end_line,
        "page": place.page,
        "end_page": place.end_page,
        "chapter": place.chapter,
        "headings": list(place.headings),
    }
    return {name: value for name, value in fields.items() if value}


def span_fields(collection: Collection, span: Span) -> dict[str, Any]:
    return place_fields(collection.documents[span.document], collection.place(span))


def model_key(model: Model) -> str:
    """What tells this model from any other: its hash, or its file's path, size and time."""
    if model.sha256:
        return model.sha256
    found = model.path.stat()
    return f"{model.path.absolute()}:{found.st_size}:{found.st_mtime_ns}"


def minutes(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def existing_or_glob(exists: Callable[[str], bool], word: str) -> bool:
    """Whether an operand names documents: "-", something on the disk, or a pattern."""
    return word == "-" or exists(word) or any(mark in word for mark in "*?[")
