"""Documents that are open in the app, and the thread that works on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from quoth.chat import Attachment
from quoth.library.opened_documents import OpenDocuments, require_text

if TYPE_CHECKING:
    from quoth.documents import Document
    from quoth.documents.ranking import Ranking
    from quoth.engine import Engine
    from quoth.tasks.collection import Collection


def open_attached(attached: Sequence[Attachment], limit: int) -> list[Document]:
    """Attachments of a conversation as documents. Raises InputError."""
    from io import BytesIO

    from quoth.documents import read_stream

    documents = [
        read_stream(BytesIO(one.text.encode("utf-8", "replace")), name=one.name, limit=limit) for one in attached
    ]
    require_text(documents)
    return documents


class DocumentThread:
    """Open documents and the one thread in which they are worked on."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self._open = OpenDocuments(documents)
        self._thread = ThreadPoolExecutor(1, "documents")

    def do(self, work: Callable[[], object]) -> None:
        """Do it in the thread, after what is being done there."""
        self._thread.submit(work)

    def close(self) -> None:
        """Forget the index as soon as the thread has ended what it does."""
        self._thread.submit(self._open.close)
        self._thread.shutdown(wait=False)

    # In the thread

    def parts(self, engine: Engine) -> Collection:
        """As a summary reads them."""
        return self._open.parts(engine)

    def passages(self, engine: Engine, private: bool) -> tuple[Collection, Ranking]:
        """As a question finds them. In private nothing of them is on the disk."""
        return self._open.passages(engine, private=private)
