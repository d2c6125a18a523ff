"""Documents and what was said about them, side by side: Enter on a quote shows where it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from quoth.text import clean, well_formed
from quoth.tui.commands import parse
from quoth.tui.documents.document_lines import Line
from quoth.tui.documents.open_documents import DocumentThread
from quoth.tui.documents.operands import operands
from quoth.tui.documents.reading import Kind, LinesAdded, Progressed, ReadingJob, SpansRead, TaskEnded
from quoth.tui.widgets.document import DocumentView
from quoth.tui.widgets.key_bar import KeyBar
from quoth.tui.widgets.parts import PartsStrip
from quoth.tui.widgets.said import Said

if TYPE_CHECKING:
    from quoth.tasks.collection import Span

WIDE = 100  # columns from which the two stand side by side


class DocumentScreen(Screen[None]):
    """What is asked here is asked of the documents on the desk; `begin` starts the work, if it can be."""

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
        #progress.-failed { height: auto; background: $error 30%; color: $text; text-wrap: wrap; }
        #question { height: 1; background: $boost; padding: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, or back", id="document.leave"),
        Binding("q", "close", "Back", show=False, id="document.close"),
        Binding("a,slash", "ask", "Ask", id="document.ask"),
        Binding("n", "document(1)", "Next document", id="document.next"),
        Binding("p", "document(-1)", "Document before", show=False, id="document.previous"),
    ]

    def __init__(self, desk: DocumentThread, begin: Callable[[DocumentScreen, Kind, str], ReadingJob | None]) -> None:
        super().__init__()
        self.desk = desk
        self._begin = begin
        self.job: ReadingJob | None = None  # what is being worked on
        self._last: ReadingJob | None = None
        self._shown = 0  # number of the document on the screen
        self._read: list[Span] = []
        self._cited: list[Span] = []
        self._since = 0  # the first line of what is being said

    def compose(self) -> ComposeResult:
        with Container(id="panes"):
            with Vertical(id="left"):
                yield Said(id="said")
            with Vertical(id="right"):
                yield Static("", id="name", markup=False)
                yield DocumentView(id="document")
                yield PartsStrip(id="parts")
        yield Static("", id="progress", markup=False)
        yield Input(placeholder="Ask about it, or /summarize", id="question", compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        self.show(0)
        self.said.focus()

    def on_unmount(self) -> None:
        if self.job is not None:
            self.job.stop.set()
        self.desk.close()

    @property
    def said(self) -> Said:
        return self.query_one("#said", Said)

    @property
    def view(self) -> DocumentView:
        return self.query_one("#document", DocumentView)

    @property
    def question(self) -> Input:
        return self.query_one("#question", Input)

    def tell(self, text: str, *, failed: bool = False) -> None:
        """The line below the document."""
        line = self.query_one("#progress", Static)
        line.set_class(failed, "-failed")
        line.update(clean(text)[0])

    # Documents

    def show(self, number: int) -> None:
        """Show a document from its beginning."""
        self._shown = number
        self.view.show(self.desk.documents[number])
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
        documents = self.desk.documents
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

        length = len(self.desk.documents[self._shown].text)
        self.query_one("#parts", PartsStrip).show(length, here(self._read), here(self._cited))

    # Questions

    def ask(self, kind: Kind, text: str) -> bool:
        """Begin to answer a question about the documents, or to summarize them; False if that cannot be now."""
        job = self._begin(self, kind, text)
        if job is None:
            return False
        self.job = self._last = job
        self._read, self._cited = [], []
        self._draw_parts()
        self.view.unmark()
        title = text if kind == "ask" else f"Summary: {text}" if text else "Summary"
        self._since = len(self.said.lines)
        self.said.begin(Line(clean(title)[0], "question"))
        self.said.focus()
        return True

    @on(Progressed)
    def _progressed(self, event: Progressed) -> None:
        if event.job is self.job and not event.job.stop.is_set():
            self.tell(event.text)

    @on(SpansRead)
    def _parts_read(self, event: SpansRead) -> None:
        if event.job is self._last:
            self._read += event.spans
            self._draw_parts()

    @on(LinesAdded)
    def _told(self, event: LinesAdded) -> None:
        if event.job is not self._last:
            return
        self.said.add(event.lines)
        self._cited += [span for line in event.lines for span in line.spans]
        self._draw_parts()

    @on(TaskEnded)
    def _over(self, event: TaskEnded) -> None:
        if event.job is not self.job:
            return
        self.job = None
        self.tell(event.text, failed=event.failed)
        if event.job.kind == "ask":
            self.call_after_refresh(self._show_first)

    def _show_first(self) -> None:
        """Where the answer stands, unless somebody looks elsewhere by now."""
        line = self.said.first_place(self._since) if self.job is None and self.said.highlighted is None else None
        if line is not None:
            self.jump(line.spans[0])

    @on(Said.Asked)
    def _place_asked(self, event: Said.Asked) -> None:
        self.jump(event.line.spans[event.nth % len(event.line.spans)])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = well_formed(event.value).strip()
        command = parse(text)
        if not text:
            return
        if command is None:
            kind, asked = "ask", text
        elif command[0] in ("ask", "summarize"):
            kind, asked = command[0], command[1]
            if operands(asked).names:
                self.tell("Other documents are asked about from the chat: Escape goes back there")
                return
        else:
            self.tell(f"/{command[0]} is a command of the chat: Escape goes back there")
            return
        if (kind == "summarize" or asked) and self.ask("summarize" if kind == "summarize" else "ask", asked):
            event.input.clear()

    # Keys

    def action_leave(self) -> None:
        if self.job is not None and not self.job.stop.is_set():
            self.job.stop.set()
            self.tell("stopping")
        elif self.question.has_focus and self.question.value:
            self.question.clear()
        else:
            self.action_close()

    def action_close(self) -> None:
        self.dismiss(None)

    def action_ask(self) -> None:
        self.question.focus()

    def action_document(self, step: int) -> None:
        if len(self.desk.documents) > 1:
            self.show((self._shown + step) % len(self.desk.documents))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return len(self.desk.documents) > 1 if action == "document" else True
