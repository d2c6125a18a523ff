"""Documents and what was said about them, side by side: Enter on a quote shows where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from quoth.text import clean, well_formed
from quoth.tui.chat.open_conversation import Task, document_task
from quoth.tui.commands import parse
from quoth.tui.documents.document_lines import Line
from quoth.tui.documents.operands import operands
from quoth.tui.thread_calls import ThreadCalls
from quoth.tui.widgets.cited_answer import CitedAnswer
from quoth.tui.widgets.coverage_strip import CoverageStrip
from quoth.tui.widgets.document_view import DocumentView
from quoth.tui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from quoth.tasks.collection import Span
    from quoth.tui.documents.opening import DocumentThread
    from quoth.tui.documents.task_thread import RunningDocumentTask

WIDE = 100  # columns from which the two stand side by side


class DocumentScreen(Screen[None], ThreadCalls):
    """What is asked here is asked of the open documents."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012  # Textual declares it so
    DEFAULT_CSS = """
    DocumentScreen {
        #panes { height: 1fr; layout: vertical; }
        #left { height: 2fr; padding: 0 1; }
        #right { height: 3fr; }
        &.-wide {
            #panes { layout: horizontal; }
            #left { width: 2fr; height: 1fr; }
            #right { width: 3fr; height: 1fr; border-left: vkey $surface-lighten-2; }
        }
        #name { height: 1; background: $panel; padding: 0 1; text-style: bold; text-wrap: nowrap; }
        #document { height: 1fr; }
        #progress { height: 1; background: $panel; color: $text-accent; padding: 0 1; text-wrap: nowrap; }
        &.-narrow #progress { height: auto; max-height: 2; text-wrap: wrap; }
        #progress.-failed { height: auto; background: $error 30%; color: $text; text-wrap: wrap; }
        #question { height: 1; background: $boost; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, or back", id="document.leave"),
        Binding("q", "dismiss(None)", "Back", show=False, id="document.close"),
        Binding("a,slash", "screen.focus('#question')", "Ask", id="document.ask"),
        Binding("n", "document(1)", "Next document", id="document.next"),
        Binding("p", "document(-1)", "Document before", show=False, id="document.previous"),
    ]

    def __init__(
        self,
        documents: DocumentThread,
        begin: Callable[[DocumentScreen, Task], RunningDocumentTask | None],
        stop: Callable[[], object],
    ) -> None:
        """`begin` starts to work on a task, if that can be now; `stop` ends it."""
        super().__init__()
        self.documents = documents
        self.running: RunningDocumentTask | None = None
        self._begin = begin
        self._stop = stop
        self._last: RunningDocumentTask | None = None
        self._shown = 0  # number of the document on the screen
        self._read: list[Span] = []
        self._cited: list[Span] = []
        self._since = 0  # the first line of the last task
        self.answer, self.view = CitedAnswer(id="said"), DocumentView(id="document")
        self.question = Input(placeholder="Ask about it, or /summarize", id="question", compact=True)
        self._strip = CoverageStrip(id="parts")

    def compose(self) -> ComposeResult:
        with Container(id="panes"):
            with Vertical(id="left"):
                yield self.answer
            with Vertical(id="right"):
                yield Static("", id="name", markup=False)
                yield self.view
                yield self._strip
        yield Static("", id="progress", markup=False)
        yield self.question
        yield KeyBar()

    def on_mount(self) -> None:
        self.show(0)
        self.answer.focus()

    def on_unmount(self) -> None:
        if self.running is not None:
            self._stop()
        self.documents.close()

    def tell(self, text: str, *, failed: bool = False) -> None:
        """The line below the document."""
        line = self.query_one("#progress", Static)
        line.set_class(failed, "-failed")
        line.update(clean(text)[0])

    # Documents

    def show(self, number: int) -> None:
        """Show a document from its beginning."""
        self._shown = number
        self.view.show(self.documents.documents[number])
        self._draw_parts()
        self._say_place(0)

    def jump(self, span: Span) -> None:
        """Show a stretch of a document, highlighted."""
        if span.document != self._shown:
            self.show(span.document)
        self.view.jump(span.start, span.end)

    @on(DocumentView.Moved)
    def _moved(self, event: DocumentView.Moved) -> None:
        self._say_place(event.place)

    def _say_place(self, offset: int) -> None:
        documents = self.documents.documents
        document = documents[self._shown]
        place, end = document.place(offset, offset + 1), document.place(len(document.text), len(document.text) + 1)
        name = document.name.rpartition("/")[2]
        parts = [f"{self._shown + 1} of {len(documents)}: {name}" if len(documents) > 1 else name]
        if place.start_line:
            parts.append(f"line {place.start_line:,} of {end.start_line:,}")
        elif place.page:
            parts.append(f"page {place.page:,} of {end.page:,}")
        parts += [place.chapter or (place.headings[-1] if place.headings else "")]
        self.query_one("#name", Static).update(clean(" · ".join(filter(None, parts)))[0].replace("\n", " "))

    def _draw_parts(self) -> None:
        def here(spans: list[Span]) -> list[tuple[int, int]]:
            return [(span.start, span.end) for span in spans if span.document == self._shown]

        length = len(self.documents.documents[self._shown].text)
        self._strip.show(length, here(self._read), here(self._cited))

    # Questions

    def begin(self, task: Task) -> bool:
        """Begin to answer a question about the documents, or to summarize them; False if that cannot be now."""
        if task == Task("ask"):
            self.question.focus()
            return False
        running = self._begin(self, task)
        if running is None:
            return False
        self.running = self._last = running
        self._read, self._cited = [], []
        self._draw_parts()
        self.view.unmark()
        title = task.argument if task.kind == "ask" else f"Summary: {task.argument}".removesuffix(": ")
        self._since = len(self.answer.lines)
        self.answer.begin(Line(clean(title)[0], "question"))
        self.answer.focus()
        return True

    def show_progress(self, running: RunningDocumentTask, text: str) -> None:
        """How far the work is: "reading 3 of 42 parts · 12 s left"."""
        if running is self.running and not running.stop.is_set():
            self.tell(text)

    def show_read(self, running: RunningDocumentTask, spans: Sequence[Span]) -> None:
        """These stretches were read by now."""
        if running is self._last:
            self._read += spans
            self._draw_parts()

    def show_lines(self, running: RunningDocumentTask, lines: Sequence[Line]) -> None:
        """Lines that came since the last ones."""
        if running is self._last:
            self.answer.add(lines)
            self._cited += [span for line in lines if line.look != "near" for span in line.spans]
            self._draw_parts()

    def show_for_now(self, running: RunningDocumentTask, lines: Sequence[Line]) -> None:
        """Lines that stay below all others until the next of them come, or the end."""
        if running is self._last:
            self.answer.show_for_now(lines)

    def show_place(self, running: RunningDocumentTask, span: Span) -> None:
        """Show a stretch of a document, unless the user looks elsewhere by now."""
        if running is self.running and self.answer.highlighted is None:
            self.jump(span)

    def show_end(self, running: RunningDocumentTask, text: str, failed: bool) -> None:
        """The work is over; `text` says what was read, or what went wrong."""
        if running is not self.running:
            return
        self.running = None
        self.answer.show_for_now(())
        self.tell(text, failed=failed)
        if running.task.kind == "ask":
            self.call_after_refresh(self._show_first)

    def _show_first(self) -> None:
        """Where the answer stands, unless the user looks elsewhere by now."""
        looks_elsewhere = self.running is not None or self.answer.highlighted is not None
        if not looks_elsewhere and (line := self.answer.first_place(self._since)) is not None:
            self.jump(line.spans[0])

    @on(CitedAnswer.Asked)
    def _place_asked(self, event: CitedAnswer.Asked) -> None:
        self.jump(event.line.spans[event.nth % len(event.line.spans)])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = well_formed(event.value).strip()
        command, task = parse(text), document_task(text) or Task("ask", text)
        if not text or task == Task("ask"):
            return
        if command is not None and command[0] not in ("ask", "summarize"):
            self.tell(f"/{command[0]} is a command of the chat: Escape goes back there")
        elif command is not None and operands(task.argument).names:
            self.tell("Other documents are asked about from the chat: Escape goes back there")
        elif self.begin(task):
            event.input.clear()

    # Keys

    def action_leave(self) -> None:
        if self.running is not None and not self.running.stop.is_set():
            self._stop()
            self.tell("stopping")
        elif self.question.has_focus and self.question.value:
            self.question.clear()
        else:
            self.dismiss(None)

    def action_document(self, step: int) -> None:
        self.show((self._shown + step) % len(self.documents.documents))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return len(self.documents.documents) > 1 if action == "document" else True
