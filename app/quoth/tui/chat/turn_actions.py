"""What is done to a single turn: copied, edited, tried again, continued, looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quoth.text import first_block
from quoth.tui.chat.open_conversation import document_task
from quoth.tui.dialogs import EditText
from quoth.tui.terminal import clipboard
from quoth.tui.widgets.turn_view import TurnView

if TYPE_CHECKING:
    from quoth.tui.chat.chat_screen import ChatScreen


class TurnActions:
    """The keys of a turn, and the commands that mean the last one. What a turn's task was decides what they do."""

    def __init__(self, chat: ChatScreen) -> None:
        self._chat = chat
        self._session = chat.session

    async def act(self, view: TurnView, action: str) -> None:
        """What a key of a turn asks for."""
        index = self._session.conversation.index_of(view.ref)
        if index is None:
            return
        if self._session.busy and action not in ("copy", "copy_block"):
            self._chat.say("An answer is being written; Escape stops it")
            return
        match action:
            case "copy":
                self.copy(view.turn.text)
            case "copy_block":
                self.copy_block(view.turn.text)
            case "edit":
                self.edit(index)
            case "previous_sibling" | "next_sibling":
                self._chat.conversations.walk(view.ref, -1 if action == "previous_sibling" else 1)
            case "fork":
                self._chat.conversations.fork(view.ref)
            case _:
                await self.by_task(action, index)

    async def by_task(self, action: str, index: int) -> None:
        """ "retry", "continue" or "probabilities" of the turn at `index` of the path, as its task has it."""
        path = self._session.path
        task, of_documents = path[index].task, path[index].task.kind in ("ask", "summarize")
        if action == "probabilities" and of_documents:
            self._chat.say("What was said about documents has no probabilities")
        elif action == "probabilities":
            await self._chat.probabilities.toggle(index)
        elif of_documents:
            self._chat.documents.read(task)  # what is known of the documents' parts is not read again
        elif action == "continue" and (index != len(path) - 1 or path[index].turn.role != "assistant"):
            self._chat.say("Only the last answer can be continued")
        elif not self._chat.models.has_model():
            return
        elif action == "continue":
            await self._chat.replies.continue_answer()
        elif task.kind == "compact":
            await self._chat.replies.compact(index)
        else:
            await self._chat.replies.reply_again(index + 1 if path[index].turn.role == "user" else index)

    # Edited

    def edit(self, index: int) -> None:
        """Ask again in other words, or correct a summary."""
        if index and self._session.path[index].turn.role == "assistant":
            index -= 1
        self._chat.beside(self._edit(index))

    async def _edit(self, index: int) -> None:
        session = self._session
        conversation, entry = session.conversation, session.path[index]
        asks = entry.turn.role != "summary"
        title = "Ask this instead; the first stays beside it" if asks else "Edit the summary"
        text = await self._chat.app.push_screen_wait(EditText(title, entry.turn.text))
        if text is None or not text.strip() or text == entry.turn.text:
            return
        elsewhere = session.busy or conversation is not session.conversation or entry not in conversation.path
        if elsewhere or (asks and not self._chat.models.has_model()):
            self._chat.prompt.restore_text(text)  # something was asked or opened meanwhile, or there is no model
        elif not asks:
            session.conversation.edit_summary(entry, text)
            view = self._chat.transcript.view_of(entry.ref)
            if view is not None:
                await view.finish(entry.turn)
        elif (task := document_task(text.strip())) is not None:
            self._chat.documents.read(task)
        else:
            await self._chat.replies.ask_at(index, text.strip(), entry.turn.documents)

    # Copied

    def copy(self, text: str) -> None:
        """Copy, and say truly how far that got."""
        if text:
            self._chat.thread(self._copy, text, group="copy")

    def copy_block(self, text: str) -> None:
        block = first_block(text)
        if block:
            self.copy(block)
        else:
            self._chat.say("There is no code block in it")

    def _copy(self, text: str) -> None:
        environ, folder = self._chat.workspace.environ, self._chat.workspace.folders.state
        try:
            detail = clipboard.copy(text, write=self._write_to_terminal, environ=environ, folder=folder)
        except OSError as error:
            detail = f"it could not be copied: {folder} cannot be written ({error.strerror})"
        self._chat.call(self._chat.say, detail)

    def _write_to_terminal(self, sequence: str) -> None:
        driver = self._chat.app._driver
        if driver is not None:
            self._chat.app.call_from_thread(driver.write, sequence)
