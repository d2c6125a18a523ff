"""Quoth: a GPT on your own machine, in your own terminal, and in a Python program.

>>> from quoth import open_model
>>> with open_model() as model:
...     print(model.reply("Why is the sky blue?", max_tokens=60).text)

Errors are those of quoth.errors: a QuothError says what went wrong, why, and what to try.
"""

from __future__ import annotations

from quoth.version import __version__ as __version__

TYPE_CHECKING = False  # typing's own costs 7 ms, and a worker waits to be started
if TYPE_CHECKING:
    from typing import Any

    from quoth.chat import Attachment, Message
    from quoth.errors import QuothError
    from quoth.library.answer_stream import Answer
    from quoth.library.document_answers import DocumentAnswer, Quote, Source, Summary, SummarySentence
    from quoth.library.model import Model, open_model
    from quoth.library.opened_documents import OpenDocuments, read_documents

__all__ = [
    "Answer", "Attachment", "DocumentAnswer", "Message", "Model", "OpenDocuments", "Quote", "QuothError", "Source",
    "Summary", "SummarySentence", "open_model", "read_documents",
]  # fmt: skip

_MODULES = {
    "quoth.chat": ("Attachment", "Message"),
    "quoth.errors": ("QuothError",),
    "quoth.library.answer_stream": ("Answer",),
    "quoth.library.document_answers": ("DocumentAnswer", "Quote", "Source", "Summary", "SummarySentence"),
    "quoth.library.opened_documents": ("OpenDocuments", "read_documents"),
    "quoth.library.model": ("Model", "open_model"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line starts with none of it."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'quoth' has no attribute {name!r}")
