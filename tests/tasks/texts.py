"""Texts of any length whose truth is known, as documents and collections."""

from __future__ import annotations

import io

from quoth.documents import Document, read_stream
from quoth.engine import Chat, ModelInfo, Request
from quoth.tasks.collection import Collection
from tests.scripted_engine import Scripted

LARGE = 8_000_000_000  # parameters of a model that is trusted to write
TINY = 100_000_000
HARBOURS = ("Aldmouth", "Brackness", "Corley", "Dunmere", "Eskport", "Farholm", "Glenwick", "Hartsea")

GARDEN = """\
The garden society was founded in 1921 by Ottilie Brandvogel.

Members pay a fee of 48 euros a year. Students pay half of it.

The shed is opened at eight in the morning by the warden, who keeps the key. Lost keys cost fifteen euros.

Dogs must be kept on a lead, and bicycles are left at the gate.
"""
COOPERATIVE = """\
The cooperative was founded in 1953 by forty fishermen.
Its first harbour master was Ada Lindqvist.
The annual fee is 120 crowns, payable in March.
"""
LIBRARY = """\
图书馆每周一闭馆，其余时间上午九点开门。
借书证的押金是五十元，退证时全额退还。
每人一次最多可以借六本书，期限三十天。
"""
PACKETS = """\
The default time-to-live of outgoing packets is 64.
It can be changed per socket with the IP_TTL option.
"""
GATE = """\
\ufeffThe code of the gate is 4417, and it changes in May.
Nobody else knows it.
"""


def document(text: str, name: str = "text.txt") -> Document:
    return read_stream(io.BytesIO(text.encode()), name=name, limit=10**9)


def collection(*texts: str, size: int = 60, overlap: int = 0) -> Collection:
    """Documents a.txt, b.md, ... cut by the scripted engine's tokens; what begins with a heading is Markdown."""
    documents = [
        document(text, f"{chr(97 + number)}.{'md' if text.startswith('# ') else 'txt'}")
        for number, text in enumerate(texts)
    ]
    return Collection(documents, Scripted().offsets, size, overlap)


def harbours(count: int = 8) -> str:
    """A paragraph for each of `count` harbours, each with facts of its own."""
    paragraphs = (
        f"The harbour of {HARBOURS[n % 8]} was opened in {1800 + n} by the council of the county. "
        f"It has {n + 11} berths for ships, and a lighthouse that stands {n + 40} metres high. "
        "Fishing boats leave it before dawn and return with herring in the afternoon."
        for n in range(count)
    )
    return "\n\n".join(paragraphs) + "\n"


def engine_info(n_params: int = LARGE, n_ctx: int = 4096) -> ModelInfo:
    return Scripted().info._replace(n_params=n_params, n_ctx=n_ctx)


def asked_text(request: Request) -> str:
    """All that a request puts before the model."""
    assert isinstance(request.input, Chat)
    return "\n".join(message.text for message in request.input.messages)
