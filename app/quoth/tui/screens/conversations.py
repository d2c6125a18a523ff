"""Conversations: listed, opened, left, copied, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual import on, work
from textual.worker import get_current_worker

from quoth.errors import QuothError, StorageError
from quoth.history import History, Turn
from quoth.tui.history_writer import HistoryWriter, PendingId
from quoth.tui.screens.conversation_state import Entry, Talk
from quoth.tui.screens.dialogs import Confirm
from quoth.tui.screens.models import Failed, WithModels
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.turn import TurnView

LAST_SECONDS = 2.0  # for the answer that is being written when its conversation or the app is left


class WithConversations(WithModels):
    """The list of conversations, and which of them is on the screen."""

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def refresh_conversations(self) -> None:
        """List what was found where somebody searches, else all conversations."""
        worker, history, sidebar = get_current_worker(), self._lasting.history, self.sidebar
        words = sidebar.words
        current = None if self.keeper is not self._lasting else self.talk.ref.id

        def show(fill: Callable[..., None], *found: Any) -> None:
            if not worker.is_cancelled:  # else a later list is on its way or there
                fill(*found)

        try:
            if words:
                self.app.call_from_thread(show, sidebar.show_hits, history.search(words))
            else:
                self.app.call_from_thread(show, sidebar.show_conversations, history.conversations(200), current)
        except StorageError as error:
            self.post_message(Failed(error))

    @on(Sidebar.Searched)
    def _searched(self, event: Sidebar.Searched) -> None:
        self.refresh_conversations()

    @on(Sidebar.Chosen)
    def _conversation_chosen(self, event: Sidebar.Chosen) -> None:
        here = self.keeper is self._lasting and self.talk.ref.id == event.conversation
        if here and self.busy and event.turn is None:
            self.prompt.focus()  # it is on the screen, and an answer is being written
            return
        self.open_conversation(event.conversation, event.turn)

    @work(thread=True, exclusive=True, group="open", exit_on_error=False)
    def open_conversation(self, number: int, turn: int | None = None, keeper: HistoryWriter | None = None) -> None:
        """Show a conversation, if it is on another branch the one that `turn` is on; of a private history, its own."""
        keeper = keeper or self._lasting
        history = keeper.history
        job = self._left
        if self.job is not None and keeper is self.keeper and self.talk.ref.id == number:
            job = self.job
            job.stop.set()
        if job is not None:
            job.kept.wait(LAST_SECONDS)  # all that was said in it, not what had been written by chance
        try:
            if turn is not None:
                history.select(turn)
            row, turns = history.conversation(number), history.path(number)
            places = [_place(history.siblings(t.id), t.id) for t in turns]
        except QuothError as error:
            self.post_message(Failed(error))
            return
        self.app.call_from_thread(self.call_later, self._show_conversation, keeper, row, turns, places, turn)

    async def _show_conversation(
        self, keeper: HistoryWriter, row: Any, turns: list[Turn], places: list[tuple[int, int]], turn: int | None
    ) -> None:
        self.let_go()
        if keeper is self._lasting:
            self.leave_private()
        elif keeper is not self.keeper:
            return  # a private conversation that was left meanwhile
        self.talk = Talk(PendingId(row.id), row.system, row.title, [Entry(t, PendingId(t.id)) for t in turns])
        self.prompt.recallable = [t.text for t in turns if t.role == "user"]
        last = turns[-1] if turns else None
        self.status.used = last.prompt_tokens + last.generated_tokens if last is not None else 0
        self.status.rate = 0
        views = [TurnView(e.turn, e.ref, place) for e, place in zip(self.talk.path, places, strict=True)]
        view = next((view for view in views if view.ref.id == turn), None)
        await self.transcript.show(views, view)
        self.banner("")
        if view is not None:
            view.scroll_visible(animate=False)
            view.focus()
        else:
            self.prompt.focus()

    def walk(self, ref: PendingId, step: int) -> None:
        """Show the version before or after this one, with what followed it."""
        if ref.id is None or self.talk.ref.id is None:
            return
        try:
            siblings = self.keeper.history.siblings(ref.id)
        except QuothError as error:
            self.banner(str(error))
            return
        at = siblings.index(ref.id) + step
        if 0 <= at < len(siblings):
            self.open_conversation(self.talk.ref.id, siblings[at], self.keeper)
        else:
            self.notify("There is no other version on that side", markup=False)

    @work(thread=True, group="open", exit_on_error=False)
    def fork(self, ref: PendingId) -> None:
        """Go on in a copy of the conversation up to this turn."""
        if ref.id is None:
            return
        keeper = self.keeper
        try:
            number = keeper.history.fork(ref.id)
        except QuothError as error:
            self.app.call_from_thread(self.banner, str(error))
            return
        self.app.call_from_thread(self.open_conversation, number, None, keeper)
        self.app.call_from_thread(self.refresh_conversations)

    def let_go(self) -> None:
        """Stop the answer that is being written; its thread keeps what was said."""
        if self.job is not None:
            self.job.stop.set()
            self._left = self.job
        self.stop_looking_up()
        self.live = self.job = None
        self.status.doing = ""
        self.take_back()

    def take_back(self) -> bool:
        """Put the question that waits for a model back into the prompt, if there is one."""
        if self._pending is None:
            return False
        (text, documents), self._pending = self._pending, None
        self.prompt.give_back(text)
        self.set_attachments([*documents, *self.attachments])
        self.banner("")
        return True

    def leave_private(self) -> None:
        """Conversations of the list are in the lasting history."""
        if not self.private or self.backend.private:
            return
        self.private = self.status.private = False
        self.keeper = self._lasting
        self.prompt.recallable = []

    @on(Sidebar.Removed)
    def _conversation_removed(self, event: Sidebar.Removed) -> None:
        self.remove_conversation(event.conversation, event.title)

    @work(exit_on_error=False)
    async def remove_conversation(self, number: int, title: str) -> None:
        if not await self.app.push_screen_wait(Confirm("Delete this conversation for good?", title, enter=False)):
            return
        if self.keeper is self._lasting and self.talk.ref.id == number:
            await self.begin_conversation()
        try:
            self._lasting.history.delete(number)
        except QuothError as error:
            self.banner(str(error))
        self.refresh_conversations()

    async def begin_conversation(self) -> None:
        """An empty conversation in the lasting history, told what the settings say and nothing of the one before."""
        self.let_go()
        self.leave_private()
        self.talk = Talk(system=self.backend.settings.system)
        self.banner("")
        await self.show_empty()
        self.prompt.focus()
        if self.model is None and not self.model_is_coming:
            self.offer_models()

    async def begin_private(self) -> None:
        """An empty conversation of which nothing is kept."""
        await self.begin_conversation()
        self.private = self.status.private = True
        self.keeper = HistoryWriter(History(None))

    @work(thread=True, exclusive=True, group="retry", exit_on_error=False)
    def _retry_history(self) -> None:
        if self._lasting.waiting and self._lasting.flush():
            self.app.call_from_thread(self.banner, "")

    def shutdown(self) -> int:
        """Stop what runs and close the engine; returns the changes that never got into the history."""
        if self.job is not None:
            self.job.stop.set()
            self.job.kept.wait(LAST_SECONDS)
        self._lasting.flush()
        self.holder.close()
        return self._lasting.waiting


def _place(siblings: list[int], turn: int) -> tuple[int, int]:
    return (siblings.index(turn) + 1, len(siblings)) if turn in siblings else (1, 1)
