"""The probabilities of an answer's tokens: looked up when the user wants to see them, also of an old answer.

To report them while it is written would cost a twentieth of the speed, and only what was just said would have them.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.widget import Widget
from textual.worker import Worker, get_current_worker

from quoth.chat import Message
from quoth.engine import Chat, Reading, Scored, Scoring, TokenLogprob
from quoth.history import messages_of
from quoth.library.model import Model
from quoth.tasks.reply import with_system
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.model_loader import ModelLoader
from quoth.tui.chat.reply_thread import fitting
from quoth.tui.widgets.token_probabilities import SHOWN, TokenProbabilities
from quoth.tui.widgets.turn_view import TurnView


@dataclass(eq=False)
class ProbabilityLookup:
    """An answer in colours, and the alternatives to the token at the cursor."""

    session: ChatSession
    view: ChatLayout
    models: ModelLoader

    async def toggle(self, index: int) -> None:
        """Colour the answer at `index` of the path by the probability of each token, or stop doing so."""
        session, entry = self.session, self.session.path[index]
        turn, view = entry.turn, self.view.transcript.view_of(entry.ref)
        if view is None or turn.role != "assistant" or not turn.text:
            self.view.say("Only answers have probabilities")
        elif await view.hide_probabilities():
            view.focus()
        elif turn.thought:
            self.view.say("Probabilities are not shown for an answer that follows reasoning")
        elif self.models.has_model() and session.model is not None:
            name = session.model.name
            if turn.model not in ("", name):
                self.view.say(f"As {name} sees it; {turn.model} wrote it")
            if view.logprobs_by == name:
                await view.show_probabilities()
                return
            before = messages_of([entry.turn for entry in session.path[:index]])
            messages = [*with_system(session.conversation.system, before)]
            arguments = view, turn.text, session.model, messages
            self.view.thread(self._look_up, *arguments, group=PROBABILITIES, exclusive=True)

    def _look_up(self, view: TurnView, text: str, model: Model, messages: list[Message]) -> None:
        worker: Worker[None] = get_current_worker()
        call, aside, engine = self.view.call, self.session.look_aside, model.engine
        call(aside, "looking up probabilities")
        try:
            messages, _ = fitting(engine, messages, engine.count([text])[0])
            for event in engine.score([Scoring(Chat(tuple(messages)), text, SHOWN)], stop=lambda: worker.is_cancelled):
                match event:
                    case Reading(_, done, total):
                        call(aside, f"looking up probabilities: {done:,} of {total:,} tokens")
                    case Scored(_, logprobs) if not worker.is_cancelled:
                        call(self._show, view, text, model.name, logprobs)
        finally:
            call(aside, "")

    # What is shown of it

    async def _show(self, view: TurnView, text: str, model: str, logprobs: tuple[TokenLogprob, ...]) -> None:
        if view.is_attached and view.turn.text == text:
            view.logprobs, view.logprobs_by = logprobs, model
            if not self.session.busy:
                await view.show_probabilities(focus=view.has_focus_within)

    def show_token(self, probabilities: TokenProbabilities, text: str) -> None:
        """The token at the cursor and its alternatives."""
        if self.view.focused is probabilities:
            self.view.detail(text)
            # The lines take room from the transcript.
            self.view.call_after_refresh(self._scroll_to_token, probabilities)

    def _scroll_to_token(self, probabilities: TokenProbabilities) -> None:
        if probabilities.is_attached:
            transcript = self.view.transcript
            within = probabilities.region.offset - transcript.content_region.offset + transcript.scroll_offset
            region = probabilities.cursor_region.translate(within)
            transcript.scroll_to_region(region, x_axis=False, animate=False)

    def leave(self, focused: Widget | None) -> None:
        """However the probabilities were left, their detail goes."""
        if not isinstance(focused, TokenProbabilities):
            self.view.detail("")
