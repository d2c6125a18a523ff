"""The Markdown of an answer. Its parser is slow to import, so that the app does it behind the first paint."""

from __future__ import annotations

import re
from typing import ClassVar

from textual.widgets import Markdown
from textual.widgets.markdown import MarkdownStream

from quoth.tui.markdown_parser import parser_factory
from quoth.tui.widgets.drawing import AsHighAsItsContent, Growing, Unpainted

# What a stream gets wrong: links whose address is defined later, and ordered lists that hold a block of code.
LATER = re.compile(r"^ {0,3}\[[^\]]+\]:|^\d+[.)] .*\n(?:.*\n)*? {2,}(?:```|~~~)", re.MULTILINE)


class AnswerView(Markdown, AsHighAsItsContent, Unpainted):
    """Grows while an answer comes; `finish` shows the whole again where what came later changes what came before."""

    DEFAULT_CSS = "AnswerView { padding: 0; margin: 0; background: transparent; }"

    BLOCKS: ClassVar = {  # type: ignore[misc]  # Textual's is not marked as one
        name: type(block.__name__, (block, Growing), {"__doc__": block.__doc__})
        for name, block in Markdown.BLOCKS.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text, parser_factory=parser_factory, open_links=False)
        self._stream: MarkdownStream | None = None

    async def add(self, text: str) -> None:
        """Show more text."""
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        await self._stream.write(text)

    async def finish(self, text: str) -> None:
        """Show all of it as it will be kept."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            await stream.stop()
        if text != self.source or LATER.search(text):
            await self.update(text)
