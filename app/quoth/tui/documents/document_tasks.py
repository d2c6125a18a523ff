"""/ask and /summarize: documents are opened beside the chat, then worked on in a screen of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from quoth.chat import Attachment
from quoth.errors import QuothError
from quoth.library.workspace import Workspace
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.model_loader import ModelLoader
from quoth.tui.chat.open_conversation import Task
from quoth.tui.chat.running_turn import RunningTurn
from quoth.tui.documents.operands import Operands, joined
from quoth.tui.widgets.turn_view import TurnView

if TYPE_CHECKING:
    from quoth.documents import Document
    from quoth.tui.documents.document_screen import DocumentScreen
    from quoth.tui.documents.task_thread import RunningDocumentTask

DOCUMENTS = "documents"  # the group of threads that read them


@dataclass(eq=False)
class DocumentTasks:
    """Questions about documents, and summaries of them, in the conversation."""

    workspace: Workspace
    session: ChatSession
    view: ChatLayout
    models: ModelLoader
    on_end: Callable[[RunningTurn], Awaitable[None]]
    _screen: DocumentScreen | None = field(default=None, init=False)  # the one that is open

    def read(self, task: Task) -> None:
        """Work on the files that a task names, else on the documents that are open, else on what is attached."""
        session, view = self.session, self.view
        if self._screen is not None:
            self._screen.begin(task)
        elif session.busy or session.waiting is not None:
            view.say("Something else is being asked; Escape stops it")
            view.prompt.restore_text(task.command)
        elif session.model is None and not self.models.coming:
            self.models.has_model()
            view.prompt.restore_text(task.command)
        else:
            view.banner("")
            session.look_aside("reading")
            view.thread(self._open, task, session.documents(), group=DOCUMENTS, exclusive=True)

    def _open(self, task: Task, attached: Sequence[Attachment]) -> None:
        from quoth.tui.documents import opening, task_thread  # noqa: F401  # slow to import: not in the app's thread

        worker, view = get_current_worker(), self.view
        tell = partial(view.call, view.say)
        try:
            documents, named = opening.open_documents(
                task, attached, self.workspace, tell=tell, stopped=lambda: worker.is_cancelled
            )
        except QuothError as error:
            if not worker.is_cancelled:
                view.call(self._failed, task, error)
        else:
            if not worker.is_cancelled:
                view.call(self._show, task, documents, named)

    def _failed(self, task: Task, error: QuothError) -> None:
        self.session.look_aside("")
        self.view.banner(str(error))
        self.view.prompt.restore_text(task.command)

    def _show(self, task: Task, documents: Sequence[Document], named: Operands) -> None:
        from quoth.tui.documents.document_screen import DocumentScreen
        from quoth.tui.documents.opening import DocumentThread

        self.session.look_aside("")
        thread = DocumentThread(documents)
        self._screen = screen = DocumentScreen(thread, partial(self._begin, named.names), self.session.stop)
        self.view.app.push_screen(screen, self._come_back)
        screen.call_after_refresh(screen.begin, task._replace(argument=named.text))

    def _come_back(self, result: None) -> None:
        self._screen = None
        self.session.stop()
        self.view.transcript.anchor()
        self.view.prompt.focus()

    def _begin(self, names: Sequence[str], screen: DocumentScreen, task: Task) -> RunningDocumentTask | None:
        """Begin a turn with what was asked and one with what will be said, and start the work; None if it cannot be."""
        from quoth.tui.documents.task_thread import DocumentTaskThread, RunningDocumentTask

        session, view = self.session, self.view
        if session.busy:
            screen.tell("Something is being written still; Escape stops it")
            return None
        named = task._replace(argument=joined(names, task.argument))
        question, write_question = session.conversation.add("user", named.command, task=named)
        answer, write_answer = session.conversation.add("assistant", model=session.model_name, task=named)
        running = RunningDocumentTask(
            turn=answer.ref,
            writer=session.writer,
            new=[write_question, write_answer],
            private=session.private,
            task=task,
        )
        view.banner("")
        view.cancel(PROBABILITIES)
        session.begin(running)
        view.call(view.add_turns, *(TurnView(entry.turn, entry.ref) for entry in (question, answer)))
        thread = DocumentTaskThread(running, screen, self.models.holder.wait)
        screen.documents.do(lambda: view.call(self.on_end, thread.run()))
        return running
