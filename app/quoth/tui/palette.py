"""Conversations in the command palette."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import Matcher

from quoth.errors import StorageError
from quoth.history import Conversation
from quoth.tui.widgets.sidebar import UNTITLED

if TYPE_CHECKING:
    from quoth.tui.app import QuothApp


class Conversations(Provider):
    """Opens a conversation by its title."""

    async def startup(self) -> None:
        app = cast("QuothApp", self.app)
        self._open, history = app.chat.conversations.open, app.workspace.history
        try:
            self._rows: list[Conversation] = await asyncio.to_thread(history.conversations, 500)
        except StorageError:
            self._rows = []

    async def discover(self) -> Hits:
        for row in self._rows[:5]:
            title = row.title or UNTITLED
            yield DiscoveryHit(Content(title), partial(self._open, row.id), text=title, help="open this conversation")

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for row in self._rows:
            score = matcher.match(row.title)
            if score > 0:
                open_ = partial(self._open, row.id)
                yield Hit(score, highlighted(matcher, row.title), open_, text=row.title, help="open this conversation")


def highlighted(matcher: Matcher, title: str) -> Content:
    """A title with what matched in it. The matcher's own way parses it as markup, and titles come from outside."""
    content = Content(title)
    _, offsets = matcher.fuzzy_search.match(matcher.query, title)
    for offset in offsets:
        content = content.stylize(matcher.match_style, offset, offset + 1)
    return content
