"""Documents that are open: read once, cut once for each use, the index kept for the next question."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quoth.documents import Document, gather, read
from quoth.documents.ranking import Ranking
from quoth.errors import InputError
from quoth.library.workspace import Workspace
from quoth.passages import Ends
from quoth.tasks.collection import Collection

if TYPE_CHECKING:
    from quoth.library.model import Model

MAX_BYTES = 1024**3  # of a document, unless the settings say otherwise
Progress = Callable[[str, int, int, str], object]  # "splitting", 3, 42, "characters"


def document_limit(workspace: Workspace) -> int:
    """The most bytes of a document."""
    settings = workspace.settings
    return int(settings.max_input) if settings.is_set("max_input") else MAX_BYTES


def looks_like_file(word: str) -> bool:
    """Whether a word that names nothing was meant to: it has a folder or a suffix."""
    stem, dot, suffix = word.rpartition(".")
    has_suffix = bool(stem and dot) and suffix.isalnum() and suffix[:1].isalpha() and len(suffix) <= 5
    return not any(map(str.isspace, word)) and (has_suffix or "/" in word or os.sep in word)


def read_named(
    names: Sequence[str],
    *,
    limit: int,
    tell: Callable[[str], object],
    piped: Callable[[], Document] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Document]:
    """The documents that files, folders and patterns name, each once; "-" is what `piped` returns.

    `tell` gets sentences: what was left out, and notices about how a file was read. Raises InputError for a file that
    was named and cannot be read; in a folder or a pattern such a file is skipped.
    """
    documents: list[Document] = []
    seen: set[str] = set()
    for name in dict.fromkeys(names):
        if name == "-" and piped is not None:
            documents.append(piped())
            continue
        gathered = gather([name])
        _tell_skipped(tell, gathered.skipped)
        files = [file for file in gathered.files if os.path.realpath(file) not in seen]
        seen.update(map(os.path.realpath, files))
        documents += _read_all(name, files, limit, tell, stopped)
    for document in documents:
        for notice in document.notices:
            tell(f"{document.name}: {notice}")
    return documents


def _read_all(
    name: str, files: Sequence[str], limit: int, tell: Callable[[str], object], stopped: Callable[[], bool]
) -> list[Document]:
    documents: list[Document] = []
    skipped: list[tuple[str, str]] = []
    for file in files:
        if stopped():
            return documents
        try:
            documents.append(read(file, limit=limit))
        except InputError as error:
            if file == name:
                raise
            skipped.append((file, error.what.removeprefix(file).strip()))
    if files and not documents:
        raise InputError(f"{name} has no readable files", f"{len(skipped)} skipped: {skipped[-1][0]} {skipped[-1][1]}")
    _tell_skipped(tell, skipped)
    return documents


def _tell_skipped(tell: Callable[[str], object], skipped: Sequence[tuple[str, str]]) -> None:
    if skipped:
        first = "; ".join(f"{name}: {why}" for name, why in skipped[:3])
        more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        tell(f"left out: {first}{more}")


def require_text(documents: Sequence[Document], hint: str = "Name a file that contains text") -> None:
    """Raises InputError, with `hint`, if no document contains any text."""
    if not any(piece.strip() for document in documents for piece in document.text):
        names = ["standard input" if each.name == "stdin" else each.name for each in documents]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        what = f"{', '.join(names[:3])}{more} {'have' if len(names) > 1 else 'has'} no text"
        why = "only white space" if any(len(document.text) for document in documents) else "empty"
        raise InputError(what, why, hint)


def read_documents(
    *names: str | Path, limit: int = MAX_BYTES, tell: Callable[[str], object] = lambda sentence: None
) -> OpenDocuments:
    """Read files, folders and patterns. `limit` is the most bytes of one; `tell` gets what was left out, and why.

    Raises InputError for what cannot be read, and where there is no text at all.

    >>> with read_documents("report.pdf", "notes/") as documents:
    ...     print(model.ask("Who signed it?", documents).text)
    """
    if not names:
        raise InputError("no document was named", "", "Name a file, a folder or a pattern")
    documents = read_named([os.fspath(name) for name in names], limit=limit, tell=tell)
    require_text(documents)
    return OpenDocuments(documents)


class OpenDocuments:
    """Documents, and their parts and index for one model. For one thread, because the index is."""

    def __init__(
        self, documents: Sequence[Document], *, progress: Progress = lambda verb, done, total, unit: None
    ) -> None:
        self.documents = tuple(documents)
        self._progress = progress
        self._parts: tuple[Model, Collection] | None = None
        self._passages: tuple[Model, bool, Collection, Ranking] | None = None

    def __enter__(self) -> OpenDocuments:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def parts(self, model: Model) -> Collection:
        """The parts that a summary reads."""
        if self._parts is None or self._parts[0] is not model:
            ends = self._counted(model.engine.offsets)
            self._parts = model, Collection(self.documents, ends, model.size_class.part)
        return self._parts[1]

    def passages(self, model: Model, *, private: bool) -> tuple[Collection, Ranking]:
        """The passages that a question finds, and their index; if `private`, in memory only."""
        if self._passages is None or self._passages[:2] != (model, private):
            self.close()
            size = model.size_class.passage
            collection = Collection(self.documents, self._counted(model.engine.offsets), size, size // 6)
            ranking = Ranking(private=private)
            ranking.add(self._indexed(collection))
            self._passages = model, private, collection, ranking
        return self._passages[2:]

    def _counted(self, ends: Ends) -> Ends:
        """Engine.offsets that says how far the documents have been cut."""
        total, done = sum(len(document.text) for document in self.documents), 0

        def offsets(text: str) -> Sequence[int]:
            nonlocal done
            self._progress("splitting", done, total, "characters")
            done += len(text)
            return ends(text)

        return offsets

    def _indexed(self, collection: Collection) -> Iterator[str]:
        for number, text in enumerate(collection.titled_texts()):
            self._progress("indexing", number, len(collection), "passages")
            yield text

    def close(self) -> None:
        """Remove the index."""
        passages, self._passages = self._passages, None
        if passages is not None:
            passages[3].close()
