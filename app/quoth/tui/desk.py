"""Documents that lie open: read once, cut into parts once for each use, their index kept for the next question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from quoth.chat import Document as Attached
from quoth.errors import InputError

if TYPE_CHECKING:
    from quoth.documents import Document
    from quoth.documents.ranking import Ranking
    from quoth.engine import Engine
    from quoth.tasks.collection import Collection


def open_files(
    names: Sequence[str], limit: int, tell: Callable[[str], object], stopped: Callable[[], bool]
) -> list[Document]:
    """The documents that files, folders and patterns name; `tell` gets what is left out. Raises InputError."""
    from quoth.documents import gather, read

    gathered = gather(names)
    if gathered.skipped:
        name, why = gathered.skipped[0]
        more = f"; and {len(gathered.skipped) - 1} more" if len(gathered.skipped) > 1 else ""
        tell(f"left out: {name}: {why}{more}")
    documents: list[Document] = []
    for file in gathered.files:
        if stopped():
            break
        document = read(file, limit=limit)
        documents.append(document)
        for notice in document.notices:
            tell(f"{document.name}: {notice}")
    return _with_text(documents)


def open_attached(attached: Sequence[Attached], limit: int) -> list[Document]:
    """Attachments of a conversation as documents. Raises InputError."""
    from io import BytesIO

    from quoth.documents import read_stream

    return _with_text(
        [read_stream(BytesIO(one.text.encode("utf-8", "replace")), name=one.name, limit=limit) for one in attached]
    )


def _with_text(documents: list[Document]) -> list[Document]:
    if documents and not any(len(document.text) > 1000 or document.text[:].strip() for document in documents):
        names = ", ".join(document.name for document in documents)
        raise InputError(f"{names} has no text", "it is empty", "Name a file that has some")
    return documents


class Desk:
    """Open documents and the one thread in which they are worked on: SQLite's index belongs to it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self._thread = ThreadPoolExecutor(1, "documents")
        self._passages: tuple[Engine, bool, Collection, Ranking] | None = None
        self._parts: tuple[Engine, Collection] | None = None

    def do(self, work: Callable[[], object]) -> None:
        """Do it in the thread, after what is being done there."""
        self._thread.submit(work)

    def close(self) -> None:
        """Forget the index as soon as the thread has ended what it does."""
        self._thread.submit(self._forget)
        self._thread.shutdown(wait=False)

    # In the thread

    def parts(self, engine: Engine) -> Collection:
        """As a summary reads them."""
        from quoth.tasks.classes import model_class
        from quoth.tasks.collection import Collection

        if self._parts is None or self._parts[0] is not engine:
            size = model_class(engine.info.n_params, engine.info.n_ctx).part
            self._parts = engine, Collection(self.documents, engine.offsets, size)
        return self._parts[1]

    def passages(self, engine: Engine, private: bool) -> tuple[Collection, Ranking]:
        """As a question finds them. In private nothing of them is on the disk."""
        from quoth.documents.ranking import Ranking
        from quoth.tasks.classes import model_class
        from quoth.tasks.collection import Collection

        if self._passages is None or self._passages[:2] != (engine, private):
            self._forget()
            size = model_class(engine.info.n_params, engine.info.n_ctx).passage
            collection = Collection(self.documents, engine.offsets, size, size // 6)
            ranking = Ranking(private=private)
            ranking.add(collection.titled_texts())
            self._passages = engine, private, collection, ranking
        return self._passages[2:]

    def _forget(self) -> None:
        passages, self._passages = self._passages, None
        if passages is not None:
            passages[3].close()
