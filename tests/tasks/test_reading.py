"""What the map step of a summary costs with the real model, by its own counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from quoth.engine.client.client import Client
from quoth.tasks.collection import Collection
from quoth.tasks.model_classes import model_class
from quoth.tasks.summaries import part_notes
from quoth.tasks.summaries.part_notes import NoCache, NotesWritten
from tests.tasks.texts import document, harbours


@pytest.mark.long
def test_every_token_is_read_and_hardly_more(model_path: Path) -> None:
    client = Client(model_path)
    try:
        part = model_class(client.ready().n_params, client.info.n_ctx).part
        parts = Collection([document(harbours(44))], client.offsets, part)
        asked = [part_notes.about_part(text, "text", 1, count=1) for text in parts.texts()]
        read = [
            event.usage.prompt - event.usage.reused
            for event in part_notes.NoteTaker(client, NoCache(), "m").write(asked)
            if isinstance(event, NotesWritten) and event.usage is not None
        ]
    finally:
        client.close()
    assert len(read) == len(parts) >= 3
    assert parts.tokens < sum(read) <= 1.15 * parts.tokens
