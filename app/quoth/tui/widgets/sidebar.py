"""Conversations that were, with a search over everything that was said in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from quoth.history import Conversation, Hit
from quoth.tui.colors import MUTED

UNTITLED = "(no title)"
TITLE = 30  # cells


class Sidebar(Vertical):
    """A search line over a list."""

    DEFAULT_CSS = """
    Sidebar {
        width: 34; height: 1fr; background: $panel; padding: 0 1;
        Input { height: 3; }
        OptionList { height: 1fr; border: none; background: transparent; padding: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "remove", "Delete", id="sidebar.delete"),
        Binding("down", "into_list", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """A conversation was chosen, with the turn to look at (None: the last)."""

        conversation: int
        turn: int | None

    class Searched(Message):
        """The words to look for changed."""

    @dataclass
    class Removed(Message):
        """A conversation is to be deleted."""

        conversation: int
        title: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.words = ""  # what is looked for
        self._places: list[tuple[int, int | None, str]] = []

    def compose(self) -> ComposeResult:
        yield Input(placeholder="Search what was said", id="search")
        yield OptionList(id="conversations", markup=False)

    def show_conversations(self, conversations: Sequence[Conversation], current: int | None) -> None:
        now = time.time()
        self._places = [(c.id, None, c.title) for c in conversations]
        prompts = [_row(conversation, now) for conversation in conversations]
        self._fill(prompts, next((i for i, c in enumerate(conversations) if c.id == current), None))

    def show_hits(self, hits: Sequence[Hit]) -> None:
        self._places = [(hit.conversation, hit.turn, hit.title) for hit in hits]
        prompts = []
        for hit in hits:
            snippet = Content(hit.snippet)
            for start, end in hit.marks:
                snippet = snippet.stylize("bold $text-accent", start, end)
            title = Content.styled(hit.title or UNTITLED, MUTED).truncate(TITLE, ellipsis=True)
            prompts.append(title + Content("\n") + snippet)
        self._fill(prompts or [Content.styled("Nothing was found", MUTED)], None)

    def _fill(self, prompts: Sequence[Content], highlighted: int | None) -> None:
        options = self.query_one(OptionList)
        options.set_options([Option(prompt) for prompt in prompts])
        options.highlighted = highlighted

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._places):
            conversation, turn, _ = self._places[event.option_index]
            self.post_message(self.Chosen(conversation, turn))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.words = event.value.strip()
        self.post_message(self.Searched())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_into_list()

    def action_into_list(self) -> None:
        enter_list(self.query_one(OptionList))

    def action_remove(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._places) and not self.query_one(Input).has_focus:
            conversation, _, title = self._places[at]
            self.post_message(self.Removed(conversation, title))


def enter_list(options: OptionList) -> None:
    """Go from a search line into the list below it, if there is anything."""
    if options.option_count:
        options.focus()
        if options.highlighted is None:
            options.highlighted = 0


def _row(conversation: Conversation, now: float) -> Content:
    detail = f"{age(now - conversation.changed)}, {conversation.turns} turns"
    title = Content(conversation.title or UNTITLED).truncate(TITLE, ellipsis=True)
    return title + Content("\n") + Content.styled(detail, MUTED)


def age(seconds: float) -> str:
    """How long ago, in one word and a number."""
    for size, name in ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute")):
        number = int(seconds // size)
        if number >= 1:
            return f"{number} {name}{'s' if number > 1 else ''} ago"
    return "just now"
