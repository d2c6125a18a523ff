"""Conversations: listed, opened, left, copied, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from textual.worker import get_current_worker

from quoth.errors import QuothError
from quoth.history import Conversation, Turn
from quoth.tui.chat.attached_files import AttachedFiles
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.model_loader import ModelLoader
from quoth.tui.dialogs import Confirm
from quoth.tui.history_writer import HistoryWriter, PendingId
from quoth.tui.widgets.turn_view import TurnView

OPEN = "open"  # the group of threads that open a conversation


@dataclass(eq=False)
class ConversationList:
    """The conversations there are, and which of them is on the screen."""

    session: ChatSession
    view: ChatLayout
    models: ModelLoader
    files: AttachedFiles

    def refresh(self) -> None:
        """List what was found where the user searches, else all conversations."""
        self.view.thread(self._list, group="list", exclusive=True)

    def _list(self) -> None:
        worker, session, sidebar = get_current_worker(), self.session, self.view.sidebar
        history, words = session.lasting.history, sidebar.words

        def show(fill: Callable[..., None], *found: Any) -> None:
            if not worker.is_cancelled:  # else a later list is on its way or there
                fill(*found)

        if words:
            self.view.call(show, sidebar.show_hits, history.search(words))
        else:
            current = None if session.writer is not session.lasting else session.conversation.ref.id
            self.view.call(show, sidebar.show_conversations, history.conversations(200), current)

    # Opened

    def choose(self, conversation: int, turn: int | None) -> None:
        """One was chosen from the list, perhaps with the turn to look at."""
        if self.session.busy and turn is None and self.session.is_open(conversation):
            self.view.prompt.focus()  # it is on the screen, and an answer is being written
        else:
            self.open(conversation, turn)

    def open(self, conversation: int, turn: int | None = None, writer: HistoryWriter | None = None) -> None:
        """Show a conversation, if it is on another branch the one that `turn` is on; of a private history, its own."""
        writer = writer or self.session.lasting
        self.view.thread(self._read, conversation, turn, writer, group=OPEN, exclusive=True)

    def _read(self, conversation: int, turn: int | None, writer: HistoryWriter) -> None:
        self.session.wait_for_left(conversation, writer)
        history = writer.history
        if turn is not None:
            history.select(turn)
        row, turns = history.conversation(conversation), history.path(conversation)
        versions = [((ids := history.siblings(each.id)).index(each.id) + 1, len(ids)) for each in turns]
        self.view.call(self._show, writer, row, turns, versions, turn)

    async def _show(
        self,
        writer: HistoryWriter,
        row: Conversation,
        turns: Sequence[Turn],
        versions: Sequence[tuple[int, int]],
        turn: int | None,
    ) -> None:
        session, view = self.session, self.view
        if not session.open(writer, row, turns):
            return
        self._leave()
        view.prompt.recallable = [turn.text for turn in turns if turn.role == "user"]
        view.status.used = turns[-1].prompt_tokens + turns[-1].generated_tokens if turns else 0
        view.status.rate = 0
        views = [TurnView(entry.turn, entry.ref, at) for entry, at in zip(session.path, versions, strict=True)]
        looked_at = next((view for view in views if view.ref.id == turn), None)
        await view.transcript.show(views, looked_at)
        view.banner("")
        if looked_at is not None:
            looked_at.scroll_visible(animate=False)
            looked_at.focus()
        else:
            view.prompt.focus()

    def walk(self, ref: PendingId, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        session, conversation = self.session, self.session.conversation.ref.id
        if ref.id is None or conversation is None:
            return
        try:
            siblings = session.writer.history.siblings(ref.id)
        except QuothError as error:
            self.view.banner(str(error))
            return
        at = siblings.index(ref.id) + step
        if 0 <= at < len(siblings):
            self.open(conversation, siblings[at], session.writer)
        else:
            self.view.say("There is no other version on that side")

    def fork(self, ref: PendingId) -> None:
        """Go on in a copy of the conversation up to this turn."""
        if ref.id is not None:
            self.view.thread(self._fork, ref.id, self.session.writer, group=OPEN)

    def _fork(self, turn: int, writer: HistoryWriter) -> None:
        self.view.call(self.open, writer.history.fork(turn), None, writer)
        self.view.call(self.refresh)

    # Left

    async def new(self, *, private: bool = False) -> None:
        """An empty conversation; of a private one nothing is kept."""
        if self.session.new_conversation(private=private):
            self.view.prompt.recallable = []
        self._leave()
        self.view.banner("")
        await self.view.show_empty()
        self.view.prompt.focus()
        if self.session.model is None and not self.models.coming:
            self.models.offer()

    def _leave(self) -> None:
        """Nothing that was asked in a conversation goes on in another."""
        self.view.cancel(PROBABILITIES)
        self.withdraw_question()

    def withdraw_question(self) -> bool:
        """Put the question that waits for a model back into the prompt, if there is one."""
        question = self.session.take_waiting()
        if question is None:
            return False
        self.view.prompt.restore_text(question.text)
        self.files.set([*question.documents, *self.session.attachments])
        self.view.banner("")
        return True

    async def remove(self, conversation: int, title: str) -> None:
        """Delete a conversation, if that is wanted; waits for the user."""
        question = Confirm("Delete this conversation for good?", title, enter=False)
        if not await self.view.app.push_screen_wait(question):
            return
        if self.session.is_open(conversation):
            await self.new()
        try:
            self.session.lasting.history.delete(conversation)
        except QuothError as error:
            self.view.banner(str(error))
        self.refresh()

    def retry_writes(self) -> None:
        """Write to the history what it has refused before."""
        self.view.thread(self._flush, group="retry", exclusive=True)

    def _flush(self) -> None:
        if self.session.lasting.waiting and self.session.lasting.flush():
            self.view.call(self.view.banner, "")
