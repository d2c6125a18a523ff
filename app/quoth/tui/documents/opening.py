"""The documents of a task: files that it names, else what is attached to the conversation; and their thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

from quoth.chat import Attachment
from quoth.documents import Document, read_stream
from quoth.errors import InputError
from quoth.library.opened_documents import OpenDocuments, document_limit, looks_like_file, read_named, require_text
from quoth.library.workspace import Workspace
from quoth.tui.chat.open_conversation import Task
from quoth.tui.documents.operands import Operands, operands


def open_documents(
    task: Task,
    attached: Sequence[Attachment],
    workspace: Workspace,
    *,
    tell: Callable[[str], object],
    stopped: Callable[[], bool],
) -> tuple[Sequence[Document], Operands]:
    """The documents, and how they were named; `tell` gets what was left out. Raises InputError without a text."""
    names, text = named = operands(task.argument)
    limit = document_limit(workspace)
    word = text.split(maxsplit=1)[0].rstrip(":") if text else ""
    if not names and looks_like_file(word.removeprefix("@")):
        raise InputError(f"{word} does not exist", "", "Check the name")
    if names:
        documents = read_named(names, limit=limit, tell=tell, stopped=stopped)
    elif attached:
        streams = [(one.name, BytesIO(one.text.encode("utf-8", "replace"))) for one in attached]
        documents = [read_stream(stream, name=name, limit=limit) for name, stream in streams]
    else:
        usage, what = ("/ask FILE question", "ask about") if task.kind == "ask" else ("/summarize FILE", "summarize")
        raise InputError(f"there are no documents to {what}", "", f"Name one: {usage}; or attach one first")
    if not stopped():
        require_text(documents)
    return documents, named


class DocumentThread:
    """Open documents and the one thread in which they are worked on."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self.open = OpenDocuments(documents)  # for the thread alone
        self.asked = ""  # the last question, for the thread alone
        self._thread = ThreadPoolExecutor(1, "documents")

    def do(self, work: Callable[[], object]) -> None:
        """Do it in the thread, after what is being done there."""
        self._thread.submit(work)

    def close(self) -> None:
        """Forget the index as soon as the thread has ended what it does."""
        self._thread.submit(self.open.close)
        self._thread.shutdown(wait=False)
