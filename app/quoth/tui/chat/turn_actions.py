"""What is done to a single turn: copied, edited, tried again, continued, looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from quoth.library.workspace import Workspace
from quoth.text import first_block
from quoth.tui.chat.chat_layout import ChatLayout
from quoth.tui.chat.chat_session import ChatSession, document_task
from quoth.tui.chat.conversation_list import ConversationList
from quoth.tui.chat.model_loader import ModelLoader
from quoth.tui.chat.probability_lookup import ProbabilityLookup
from quoth.tui.chat.replies import Replies
from quoth.tui.dialogs import EditText
from quoth.tui.documents.document_tasks import DocumentTasks
from quoth.tui.terminal import clipboard
from quoth.tui.widgets.turn_view import TurnView

Action = Callable[[int], Awaitable[None]]  # done to the turn at this index of the path


class TurnActions:
    """The keys of a turn, and the commands that mean the last one. What a turn's task was decides what they do."""

    def __init__(
        self,
        workspace: Workspace,
        session: ChatSession,
        view: ChatLayout,
        *,
        models: ModelLoader,
        replies: Replies,
        documents: DocumentTasks,
        probabilities: ProbabilityLookup,
        conversations: ConversationList,
    ) -> None:
        self._workspace = workspace
        self._session = session
        self._view = view
        self._models = models
        self._replies = replies
        self._documents = documents
        self._probabilities = probabilities
        self._conversations = conversations
        about_documents: dict[str, Action] = {
            "retry": self._read_again,
            "continue": self._read_again,  # what is known of its parts is not read again
            "probabilities": self._refuse_probabilities,
        }
        self._actions: dict[str, dict[str, Action]] = {
            "reply": {
                "retry": self._reply_again,
                "continue": self._continue_answer,
                "probabilities": self._probabilities.toggle,
            },
            "compact": {
                "retry": self._compact_again,
                "continue": self._continue_answer,
                "probabilities": self._probabilities.toggle,
            },
            "ask": about_documents,
            "summarize": about_documents,
        }

    async def act(self, view: TurnView, action: str) -> None:
        """What a key of a turn asks for."""
        index = self._session.conversation.index_of(view.ref)
        if index is None:
            return
        if self._session.busy and action not in ("copy", "copy_block"):
            self._view.say("An answer is being written; Escape stops it")
            return
        match action:
            case "copy":
                self.copy(view.turn.text)
            case "copy_block":
                self.copy_block(view.turn.text)
            case "edit":
                self.edit(index)
            case "previous_sibling" | "next_sibling":
                self._conversations.walk(view.ref, -1 if action == "previous_sibling" else 1)
            case "fork":
                self._conversations.fork(view.ref)
            case _:
                await self.by_task(action, index)

    async def by_task(self, action: str, index: int) -> None:
        """ "retry", "continue" or "probabilities" of the turn at `index` of the path, as its task has it."""
        await self._actions[self._session.path[index].task.kind][action](index)

    async def _reply_again(self, index: int) -> None:
        """Answer the question at this turn, or the one before it."""
        if self._models.has_model():
            await self._replies.reply_again(index + 1 if self._session.path[index].turn.role == "user" else index)

    async def _compact_again(self, index: int) -> None:
        if self._models.has_model():
            await self._replies.compact(index)

    async def _read_again(self, index: int) -> None:
        self._documents.read(self._session.path[index].task)

    async def _continue_answer(self, index: int) -> None:
        path = self._session.path
        if index != len(path) - 1 or path[index].turn.role != "assistant":
            self._view.say("Only the last answer can be continued")
        elif self._models.has_model():
            await self._replies.continue_answer()

    async def _refuse_probabilities(self, index: int) -> None:
        self._view.say("What was said about documents has no probabilities")

    # Edited

    def edit(self, index: int) -> None:
        """Ask again in other words, or correct a summary."""
        if index and self._session.path[index].turn.role == "assistant":
            index -= 1
        self._view.beside(self._edit(index))

    async def _edit(self, index: int) -> None:
        session = self._session
        conversation, entry = session.conversation, session.path[index]
        asks = entry.turn.role != "summary"
        title = "Ask this instead; the first stays beside it" if asks else "Edit the summary"
        text = await self._view.app.push_screen_wait(EditText(title, entry.turn.text))
        if text is None or not text.strip() or text == entry.turn.text:
            return
        elsewhere = session.busy or conversation is not session.conversation or entry not in conversation.path
        if elsewhere or (asks and not self._models.has_model()):
            self._view.prompt.restore_text(text)  # something was asked or opened meanwhile, or there is no model
        elif not asks:
            session.edit_summary(entry, text)
            view = self._view.transcript.view_of(entry.ref)
            if view is not None:
                await view.finish(entry.turn)
        elif (task := document_task(text.strip())) is not None:
            self._documents.read(task)
        else:
            await self._replies.ask_at(index, text.strip(), entry.turn.documents)

    # Copied

    def copy(self, text: str) -> None:
        """Copy, and say truly how far that got."""
        if text:
            self._view.thread(self._copy, text, group="copy")

    def copy_block(self, text: str) -> None:
        block = first_block(text)
        if block:
            self.copy(block)
        else:
            self._view.say("There is no code block in it")

    def _copy(self, text: str) -> None:
        environ, folder = self._workspace.environ, self._workspace.folders.state
        try:
            detail = clipboard.copy(text, write=self._write_to_terminal, environ=environ, folder=folder).detail
        except OSError as error:
            detail = f"it could not be copied: {folder} cannot be written ({error.strerror})"
        self._view.call(self._view.say, detail)

    def _write_to_terminal(self, sequence: str) -> None:
        driver = self._view.app._driver
        if driver is not None:
            self._view.app.call_from_thread(driver.write, sequence)
