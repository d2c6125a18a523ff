"""One message of the conversation, as it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Collapsible, Static

from quoth.chat import Attachment
from quoth.engine import TokenLogprob
from quoth.history import Turn
from quoth.tui.history_writer import PendingId
from quoth.tui.widgets.drawing import AsHighAsItsContent, Backdrop, PlainText
from quoth.tui.widgets.token_probabilities import TokenProbabilities

if TYPE_CHECKING:
    from quoth.tui.widgets.answer_view import AnswerView

REASONS = {
    "": "",
    "stop": "",
    "length": "ended by the limit of tokens · g goes on",
    "cancelled": "stopped · g goes on, r tries again",
    "context": "the context is full",
    "loop": "stopped: it began to repeat itself",
    "died": "broken off · g goes on, r tries again",
    "interrupted": "interrupted: Quoth was ended while this was written · g goes on",
}
NAMES = {"user": "You", "assistant": "", "summary": "Summary of what was said before"}


class TurnView(Vertical, AsHighAsItsContent, Backdrop, can_focus=True):
    """A question, an answer or a summary. What is done to it is asked of the screen."""

    DEFAULT_CSS = """
    TurnView {
        height: auto; padding: 0 1; margin-bottom: 1; border-left: outer $surface-lighten-1;
        &.-user { border-left: outer $primary; }
        &.-summary { border-left: outer $warning; }
        &:focus { background: $boost; border-left: outer $accent; }
        .head, .documents { color: $text-muted; }
        .foot { color: $text-warning; }
        Collapsible { padding: 0; border: none; background: transparent; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c,y", "ask('copy')", "Copy", id="turn.copy"),
        Binding("b", "ask('copy_block')", "Copy code", id="turn.copy_block"),
        Binding("e", "ask('edit')", "Edit", id="turn.edit"),
        Binding("r", "ask('retry')", "Retry", id="turn.retry"),
        Binding("g", "ask('continue')", "Go on", id="turn.continue"),
        Binding("left", "ask('previous_sibling')", "‹ version", id="turn.previous"),
        Binding("right", "ask('next_sibling')", "version ›", id="turn.next"),
        Binding("p", "ask('probabilities')", "Probabilities", id="turn.probabilities"),
        Binding("f", "ask('fork')", "Fork", id="turn.fork"),
        Binding("up", "screen.turn(-1)", "Earlier", show=False, id="turn.up"),
        Binding("down", "screen.turn(1)", "Later", show=False, id="turn.down"),
    ]

    @dataclass
    class Asked(Message):
        """Something should be done to a turn: "copy", "retry", ..."""

        view: TurnView
        what: str

    def __init__(self, turn: Turn, ref: PendingId, version: tuple[int, int] = (1, 1)) -> None:
        super().__init__(classes=f"-{turn.role}")
        self.turn = turn
        self.ref = ref
        self.version = version  # which of how many
        self.logprobs: tuple[TokenLogprob, ...] = ()  # of its tokens, once they were looked up
        self.logprobs_by = ""  # the model that was asked
        self._answer: AnswerView | None = None
        self._thought: Static | None = None

    def compose(self) -> ComposeResult:
        turn = self.turn
        yield PlainText(self._head(), classes="head")
        if turn.documents:
            yield PlainText(attachments_line(turn.documents), classes="documents")
        if turn.thought:
            yield self._fold()
        if turn.role == "user":
            yield PlainText(turn.text, classes="text")
        else:
            from quoth.tui.widgets.answer_view import AnswerView

            self._answer = AnswerView(turn.text)
            yield self._answer
        yield PlainText(classes="foot")

    def on_mount(self) -> None:
        self._show_thought()
        self._show_foot()

    def _fold(self) -> Collapsible:
        self._thought = PlainText(self.turn.thought)
        return Collapsible(self._thought, title="Reasoning", collapsed=True, classes="thought")

    def _head(self) -> Content:
        name = NAMES[self.turn.role] or self.turn.model or "Answer"
        number, of = self.version
        return Content(f"{name}  ‹ {number}/{of} ›" if of > 1 else name)

    def _show_foot(self) -> None:
        """How it ended, in a line that takes no room without that."""
        text = " · ".join(filter(None, (REASONS.get(self.turn.reason, self.turn.reason), self.turn.notice)))
        foot = self.query_one(".foot", Static)
        foot.update(text)
        foot.display = bool(text)

    def _show_thought(self) -> None:
        for fold in self.query(Collapsible):
            fold.display = bool(self.turn.thought)
            fold.title = f"Reasoning, {len(self.turn.thought.split()):,} words"

    async def append(self, text: str, thought: str) -> None:
        """Add what was said."""
        self.turn = replace(self.turn, text=self.turn.text + text, thought=self.turn.thought + thought)
        if thought:
            if self._thought is None:
                await self.mount(self._fold(), after=self.query_one(".head"))
            elif self._thought.is_mounted:
                self._thought.update(self.turn.thought)
            self._show_thought()
        if text and self._answer is not None:
            await self._answer.add(text)

    async def finish(self, turn: Turn) -> None:
        """Show it as it will be kept."""
        self.turn, self.logprobs, self.logprobs_by = turn, (), ""
        if self._answer is not None:
            await self._answer.finish(turn.text)
        self._show_thought()
        self.query_one(".head", Static).update(self._head())
        self._show_foot()

    async def show_probabilities(self, *, focus: bool = True) -> None:
        """Colour the answer by the probability of each token, as far as they were looked up."""
        answer = self._answer
        if answer is None or not self.logprobs or self.query(TokenProbabilities):
            return
        answer.display = False
        view = TokenProbabilities(self.logprobs)
        await self.mount(view, after=answer)
        if focus:
            view.focus(scroll_visible=False)  # the screen scrolls to the token at the cursor

    async def hide_probabilities(self) -> bool:
        """Show the answer as it was. False: it is."""
        shown = self.query(TokenProbabilities)
        if not shown or self._answer is None:
            return False
        self._answer.display = True
        await shown.remove()
        return True

    @on(TokenProbabilities.Left)
    async def _probabilities_left(self, event: TokenProbabilities.Left) -> None:
        event.stop()
        await self.hide_probabilities()
        self.focus()

    def action_ask(self, what: str) -> None:
        self.post_message(self.Asked(self, what))

    def on_click(self, event: events.Click) -> None:
        self.focus()


def attachments_line(documents: Sequence[Attachment]) -> Content:
    """ "+ report.txt (12,034 characters)" for each."""
    return Content("  ".join(f"+ {document.name} ({len(document.text):,} characters)" for document in documents))
