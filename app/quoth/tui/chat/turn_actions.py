"""What is done to a single turn: copied, edited, tried again, continued, looked at."""

from __future__ import annotations

from dataclasses import dataclass

from quoth.library.workspace import Workspace
from quoth.text import first_block
from quoth.tui.chat.chat_layout import ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.conversation_list import ConversationList
from quoth.tui.chat.model_loader import ModelLoader
from quoth.tui.chat.open_conversation import document_task
from quoth.tui.chat.probability_lookup import ProbabilityLookup
from quoth.tui.chat.replies import Replies
from quoth.tui.dialogs import EditText
from quoth.tui.documents.document_tasks import DocumentTasks
from quoth.tui.terminal import clipboard
from quoth.tui.widgets.turn_view import TurnView


@dataclass(eq=False)
class TurnActions:
    """The keys of a turn, and the commands that mean the last one. What a turn's task was decides what they do."""

    workspace: Workspace
    session: ChatSession
    view: ChatLayout
    models: ModelLoader
    replies: Replies
    documents: DocumentTasks
    probabilities: ProbabilityLookup
    conversations: ConversationList

    async def act(self, view: TurnView, action: str) -> None:
        """What a key of a turn asks for."""
        index = self.session.conversation.index_of(view.ref)
        if index is None:
            return
        if self.session.busy and action not in ("copy", "copy_block"):
            self.view.say("An answer is being written; Escape stops it")
            return
        match action:
            case "copy":
                self.copy(view.turn.text)
            case "copy_block":
                self.copy_block(view.turn.text)
            case "edit":
                self.edit(index)
            case "previous_sibling" | "next_sibling":
                self.conversations.walk(view.ref, -1 if action == "previous_sibling" else 1)
            case "fork":
                self.conversations.fork(view.ref)
            case _:
                await self.by_task(action, index)

    async def by_task(self, action: str, index: int) -> None:
        """ "retry", "continue" or "probabilities" of the turn at `index` of the path, as its task has it."""
        path = self.session.path
        task, of_documents = path[index].task, path[index].task.kind in ("ask", "summarize")
        if action == "probabilities" and of_documents:
            self.view.say("What was said about documents has no probabilities")
        elif action == "probabilities":
            await self.probabilities.toggle(index)
        elif of_documents:
            self.documents.read(task)  # what is known of the documents' parts is not read again
        elif action == "continue" and (index != len(path) - 1 or path[index].turn.role != "assistant"):
            self.view.say("Only the last answer can be continued")
        elif not self.models.has_model():
            return
        elif action == "continue":
            await self.replies.continue_answer()
        elif task.kind == "compact":
            await self.replies.compact(index)
        else:
            await self.replies.reply_again(index + 1 if path[index].turn.role == "user" else index)

    # Edited

    def edit(self, index: int) -> None:
        """Ask again in other words, or correct a summary."""
        if index and self.session.path[index].turn.role == "assistant":
            index -= 1
        self.view.beside(self._edit(index))

    async def _edit(self, index: int) -> None:
        session = self.session
        conversation, entry = session.conversation, session.path[index]
        asks = entry.turn.role != "summary"
        title = "Ask this instead; the first stays beside it" if asks else "Edit the summary"
        text = await self.view.app.push_screen_wait(EditText(title, entry.turn.text))
        if text is None or not text.strip() or text == entry.turn.text:
            return
        elsewhere = session.busy or conversation is not session.conversation or entry not in conversation.path
        if elsewhere or (asks and not self.models.has_model()):
            self.view.prompt.restore_text(text)  # something was asked or opened meanwhile, or there is no model
        elif not asks:
            session.conversation.edit_summary(entry, text)
            view = self.view.transcript.view_of(entry.ref)
            if view is not None:
                await view.finish(entry.turn)
        elif (task := document_task(text.strip())) is not None:
            self.documents.read(task)
        else:
            await self.replies.ask_at(index, text.strip(), entry.turn.documents)

    # Copied

    def copy(self, text: str) -> None:
        """Copy, and say truly how far that got."""
        if text:
            self.view.thread(self._copy, text, group="copy")

    def copy_block(self, text: str) -> None:
        block = first_block(text)
        if block:
            self.copy(block)
        else:
            self.view.say("There is no code block in it")

    def _copy(self, text: str) -> None:
        environ, folder = self.workspace.environ, self.workspace.folders.state
        try:
            detail = clipboard.copy(text, write=self._write_to_terminal, environ=environ, folder=folder)
        except OSError as error:
            detail = f"it could not be copied: {folder} cannot be written ({error.strerror})"
        self.view.call(self.view.say, detail)

    def _write_to_terminal(self, sequence: str) -> None:
        driver = self.view.app._driver
        if driver is not None:
            self.view.app.call_from_thread(driver.write, sequence)
