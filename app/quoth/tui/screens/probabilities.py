"""The probabilities of an answer's tokens: looked up when somebody wants to see them, also of an old answer.

To report them while it is written would cost a twentieth of the speed, and only what was just said would have them.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual import on, work
from textual.message import Message as TextualMessage
from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from quoth.chat import Message
from quoth.engine import Chat, Engine, Reading, Scored, Scoring, TokenLogprob
from quoth.errors import QuothError
from quoth.history import messages_of
from quoth.tasks.reply import with_system
from quoth.tui.answering import fitting
from quoth.tui.screens.chat_layout import PROBABILITIES
from quoth.tui.screens.questions import WithQuestions
from quoth.tui.widgets.probabilities import SHOWN, Probabilities
from quoth.tui.widgets.turn import TurnView


@dataclass
class LookedUp(TextualMessage):
    """The probabilities of a text's tokens, which is a turn's, by a model."""

    view: TurnView
    text: str
    model: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass
class LookingUp(TextualMessage):
    """Something to show meanwhile, and where it failed why."""

    by: Worker[None]
    doing: str
    problem: str = ""


class WithProbabilities(WithQuestions):
    """An answer in colours, and the alternatives to the token at the cursor."""

    async def probabilities(self, view: TurnView, index: int) -> None:
        """Colour the answer at `index` of the path by the probability of each token, or stop doing so."""
        turn = view.turn
        if turn.role != "assistant" or not turn.text:
            self.notify("Only answers have probabilities", markup=False)
        elif await view.hide_probabilities():
            view.focus()
        elif turn.thought:
            self.notify("What follows from reasoning has no probabilities of its own", markup=False)
        elif self.has_model():
            assert self.model is not None
            if turn.model not in ("", self.model.name):
                self.notify(f"As {self.model.name} sees it; {turn.model} wrote it", markup=False)
            if view.logprobs_by == self.model.name:
                await view.show_probabilities()
                return
            before = messages_of([entry.turn for entry in self.talk.path[:index]])
            self._look_up(view, self.model.name, [*with_system(self.talk.system, before)], turn.text)

    @work(thread=True, group=PROBABILITIES, exclusive=True, exit_on_error=False)
    def _look_up(self, view: TurnView, model: str, messages: list[Message], text: str) -> None:
        worker: Worker[None] = get_current_worker()
        self.post_message(LookingUp(worker, "looking up probabilities"))
        problem = ""
        try:
            engine = self.holder.wait(lambda: worker.is_cancelled)
            if engine is not None:
                self._score(engine, worker, LookedUp(view, text, model), messages)
        except QuothError as error:
            problem = str(error)
        finally:
            self.post_message(LookingUp(worker, "", problem))

    def _score(self, engine: Engine, worker: Worker[None], found: LookedUp, messages: list[Message]) -> None:
        text = found.text
        messages, _ = fitting(engine, messages, engine.count([text])[0])
        for event in engine.score([Scoring(Chat(tuple(messages)), text, SHOWN)], stop=lambda: worker.is_cancelled):
            match event:
                case Reading(_, done, total):
                    self.post_message(LookingUp(worker, f"looking up probabilities: {done:,} of {total:,} tokens"))
                case Scored(_, logprobs) if not worker.is_cancelled:
                    found.logprobs = logprobs
                    self.post_message(found)

    @on(LookingUp)
    def _looking_up(self, event: LookingUp) -> None:
        if event.problem and not event.by.is_cancelled:
            self.banner(event.problem)
        if not self.busy:
            self.status.doing = event.doing

    @on(LookedUp)
    async def _looked_up(self, event: LookedUp) -> None:
        view = event.view
        if view.is_attached and view.turn.text == event.text:
            view.logprobs, view.logprobs_by = event.logprobs, event.model
            if not self.busy:
                await view.show_probabilities(focus=view.has_focus_within)

    @on(Probabilities.Looked)
    def _looked(self, event: Probabilities.Looked) -> None:
        view = event.view
        if self.focused is view:
            self.detail(event.text)
            self.call_after_refresh(self._show_token, view)  # the lines take room from the transcript

    def _show_token(self, view: Probabilities) -> None:
        if view.is_attached:
            transcript = self.transcript
            within = view.region.offset - transcript.content_region.offset + transcript.scroll_offset
            transcript.scroll_to_region(view.cursor_region.translate(within), x_axis=False, animate=False)

    def _focus_moved(self, focused: Widget | None) -> None:
        """However the probabilities were left, their detail goes."""
        if not isinstance(focused, Probabilities):
            self.detail("")
