"""Conversations in the command palette."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from quoth.errors import StorageError
from quoth.store import Conversation
from quoth.tui.widgets.sidebar import UNTITLED


class Conversations(Provider):
    """Opens a conversation by its title."""

    async def startup(self) -> None:
        from quoth.tui.app import QuothApp

        assert isinstance(self.app, QuothApp)
        self._chat = self.app.chat
        history = self.app.backend.history
        try:
            self._rows: list[Conversation] = await asyncio.to_thread(history.conversations, 500)
        except StorageError:
            self._rows = []

    async def discover(self) -> Hits:
        for row in self._rows[:5]:
            yield DiscoveryHit(row.title or UNTITLED, self._open(row), help="open this conversation")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for row in self._rows:
            score = matcher.match(row.title)
            if score > 0:
                yield Hit(score, matcher.highlight(row.title), self._open(row), help="open this conversation")

    def _open(self, row: Conversation) -> Callable[[], object]:
        return partial(self._chat.open_conversation, row.id)
