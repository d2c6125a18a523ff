"""/ask and /summarize: documents are opened beside the screen, then worked on in a screen of their own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from textual import work
from textual.worker import get_current_worker

from quoth.chat import Attachment
from quoth.errors import InputError, QuothError
from quoth.history import Turn
from quoth.tui.commands import parse
from quoth.tui.history_writer import PendingId
from quoth.tui.screens.attachments import WithAttachments
from quoth.tui.screens.conversation_state import Entry
from quoth.tui.screens.models import Failed
from quoth.tui.widgets.turn import TurnView

if TYPE_CHECKING:
    from quoth.documents import Document as Opened
    from quoth.tui.documents.operands import Operands
    from quoth.tui.documents.reading import Kind, ReadingJob
    from quoth.tui.documents.screen import DocumentScreen


class WithReading(WithAttachments):
    """Questions about documents, and summaries of them, in the conversation."""

    def read(self, kind: Kind, argument: str) -> None:
        """Work on the files that an argument names, else on the documents that are open, else on what is attached."""
        from quoth.tui.documents.screen import DocumentScreen

        screen = self.app.screen
        if isinstance(screen, DocumentScreen):
            if kind == "ask" and not argument:
                screen.action_ask()
            else:
                screen.ask(kind, argument)
        elif self.busy or self._pending is not None:
            self.notify("Something else is being asked; Escape stops it", markup=False)
            self.prompt.give_back(f"/{kind} {argument}".strip())
        elif self.model is None and not self.model_is_coming:
            self.has_model()
            self.prompt.give_back(f"/{kind} {argument}".strip())
        else:
            self.banner("")
            self.status.doing = "reading"
            self._open(kind, argument, self._attached())

    def _attached(self) -> list[Attachment]:
        """What goes with the next question, and what went with those before; each once."""
        before = [document for entry in self.talk.path for document in entry.turn.documents]
        return [*dict.fromkeys([*self.attachments, *before])]

    @work(thread=True, exclusive=True, group="documents", exit_on_error=False)
    def _open(self, kind: Kind, argument: str, attached: list[Attachment]) -> None:
        """Read the documents; the screen is shown when they are there."""
        from quoth.library.opened_documents import read_named, require_text
        from quoth.tui.documents.open_documents import open_attached
        from quoth.tui.documents.operands import operands

        worker, given = get_current_worker(), operands(argument)

        def tell(text: str) -> None:
            self.app.call_from_thread(partial(self.notify, text, markup=False))

        try:
            limit = self.backend.document_limit()
            if given.names:
                documents = read_named(given.names, limit=limit, tell=tell, stopped=lambda: bool(worker.is_cancelled))
                if not worker.is_cancelled:
                    require_text(documents)
            else:
                _check(kind, given, attached)
                documents = open_attached(attached, limit)
        except QuothError as error:
            if not worker.is_cancelled:
                self.post_message(Failed(error))
                self.app.call_from_thread(self.prompt.give_back, f"/{kind} {argument}".strip())
            return
        if not worker.is_cancelled:
            self.app.call_from_thread(self.call_later, self._show_documents, kind, given, documents)

    def _show_documents(self, kind: Kind, given: Operands, documents: list[Opened]) -> None:
        """Put the documents on a desk of their own, and begin."""
        from quoth.tui.documents.open_documents import DocumentThread
        from quoth.tui.documents.operands import joined
        from quoth.tui.documents.screen import DocumentScreen

        self.status.doing = ""
        names = given.names

        def begin(screen: DocumentScreen, kind: Kind, text: str) -> ReadingJob | None:
            return self._start_reading(screen, kind, text, f"/{kind} {joined(names, text)}".strip())

        screen = DocumentScreen(DocumentThread(documents), begin)

        def started() -> None:
            if kind == "ask" and not given.text:
                screen.action_ask()
            else:
                screen.ask(kind, given.text)

        self.app.push_screen(screen, lambda result: self._come_back())
        screen.call_after_refresh(started)

    def _come_back(self) -> None:
        if self.busy:
            self.status.doing = "stopping"
        self.transcript.anchor()
        self.prompt.focus()

    def _start_reading(self, screen: DocumentScreen, kind: Kind, text: str, said: str) -> ReadingJob | None:
        """Begin a turn with what was asked and one with what will be said, and start the work; None if it cannot be."""
        from quoth.tui.documents.reading import Reader, ReadingJob

        if self.busy:
            screen.tell("Something is being written still; Escape stops it")
            return None
        self.stop_looking_up()
        talk, keeper, model = self.talk, self.keeper, self.model
        parent = talk.path[-1].ref if talk.path else None
        question = Entry(self._turn("user", said), PendingId())
        answer = Entry(self._turn("assistant", "", model=model.name if model else ""), PendingId())

        def begin() -> None:
            keeper.new(talk.ref, title=talk.title, system=talk.system, origin="chat")
            keeper.add(question.ref, talk.ref, parent, "user", said)
            keeper.add(answer.ref, talk.ref, question.ref, "assistant", "", model=job.model, ended=False)

        job = ReadingJob(
            turn=answer.ref,
            begin=begin,
            private=self.private,
            kind=kind,
            text=text,
            notes=None if self.private else self.backend.notes,
            model_key=lambda: self.model.key if self.model is not None else "",
        )
        talk.path += [question, answer]
        view = TurnView(answer.turn, answer.ref)
        self.banner("")
        self.live, self.job, self._rated = view, job, 0.0
        self.call_later(self._mount_turns, TurnView(question.turn, question.ref), view)
        reader = Reader(screen.desk, self.holder.wait, keeper, screen.post_message)
        screen.desk.do(lambda: self.post_message(reader.run(job)))
        return job

    async def _mount_turns(self, *views: TurnView) -> None:
        if self.welcome is not None:
            await self.welcome.remove()
        await self.transcript.add(*views)

    # A turn that is about documents is not made again by talking

    def _about_documents(self, index: int) -> tuple[Kind, str] | None:
        """What was asked at a turn, or before it, if it was asked of documents."""
        turns: list[Turn] = [entry.turn for entry in self.talk.path[: index + 1]]
        asked = next((turn for turn in reversed(turns[-2:]) if turn.role == "user"), None)
        command = parse(asked.text) if asked is not None else None
        if command is None or command[0] not in ("ask", "summarize"):
            return None
        return ("ask" if command[0] == "ask" else "summarize"), command[1]

    async def retry(self, index: int) -> None:
        about = self._about_documents(index)
        if about is None:
            await super().retry(index)
        else:
            self.read(*about)

    async def go_on_from(self, index: int) -> None:
        about = self._about_documents(index)
        if about is None:
            await super().go_on_from(index)
        else:
            self.read(*about)  # what is known of its parts is not read again

    async def probabilities(self, view: TurnView, index: int) -> None:
        if self._about_documents(index) is None:
            await super().probabilities(view, index)
        else:
            self.notify("What was said about documents has no probabilities", markup=False)

    async def ask_at(self, index: int, text: str, documents: Any) -> None:
        command = parse(text)
        if command is not None and command[0] in ("ask", "summarize"):
            self.read("ask" if command[0] == "ask" else "summarize", command[1])
        else:
            await super().ask_at(index, text, documents)


def _check(kind: Kind, given: Operands, attached: list[Attachment]) -> None:
    """Raises InputError where there is nothing to read."""
    from quoth.tui.documents.operands import looks_like_file

    if missing := looks_like_file(given.text):
        raise InputError(f"{missing} does not exist", "", "Check the name")
    if not attached:
        usage = "/ask FILE question" if kind == "ask" else "/summarize FILE"
        what = "ask about" if kind == "ask" else "summarize"
        raise InputError(f"there are no documents to {what}", "", f"Name one: {usage}; or attach one first")
