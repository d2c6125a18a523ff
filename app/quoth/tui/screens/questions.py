"""Questions: asked, asked again, gone on with; each begins an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from textual import on, work

from quoth.chat import Attachment, Message
from quoth.engine import Engine, Sampling
from quoth.history import Turn
from quoth.text import sane
from quoth.tui.answering import Answering, Job
from quoth.tui.history_writer import HistoryWriter, PendingId
from quoth.tui.screens.answers import WithAnswers
from quoth.tui.screens.conversation_state import Entry
from quoth.tui.screens.models import Loaded
from quoth.tui.widgets.turn import TurnView
from quoth.tui.widgets.welcome import Welcome

COMPACT = (
    "Summarize our conversation so far for yourself, so that you could go on with it from the summary alone: "
    "what was asked, what was found or decided, every name and number that matters. Answer with the summary only."
)


class WithQuestions(WithAnswers):
    """What is sent to the engine, and what of it is kept."""

    @on(Loaded)
    async def _loaded(self, event: Loaded) -> None:
        self.model = event.model
        status = self.status
        status.model, status.runs_on, status.room = event.model.name, event.info.runs_on, event.info.n_ctx
        status.doing = ""
        if self.welcome is not None:
            self.welcome.teach()
        if self._pending is not None:
            (text, documents), self._pending = self._pending, None
            await self.ask(text, documents)

    @on(Welcome.Picked)
    async def _picked(self, event: Welcome.Picked) -> None:
        self.prompt.focus()
        await self.ask(event.text)

    async def ask(self, text: str, documents: Sequence[Attachment] = ()) -> None:
        """Send a question at the end of the conversation."""
        if self._pending is not None:
            self.prompt.give_back(text)
            self.notify("One question waits for the model already; Escape takes it back", markup=False)
            return
        documents = [*self.attachments, *documents]
        self.set_attachments([])
        if self.model is None:
            self._pending = (text, documents)
            self.banner(f"Sent as soon as there is a model: {sane(text)}")
            return
        await self.ask_at(len(self.talk.path), text, documents)

    async def ask_at(self, index: int, text: str, documents: Sequence[Attachment]) -> None:
        """Ask in place of the turn at `index` of the path, and of all that followed it."""
        talk, keeper = self.talk, self.keeper
        parent = talk.path[index - 1].ref if index else None
        kept = self._siblings_of(talk.path[index].ref) if index < len(talk.path) else 0
        await self._cut(index)
        question = Entry(self._turn("user", text, documents=tuple(documents)), PendingId())
        talk.path.append(question)

        def begin() -> None:
            keeper.new(talk.ref, title=talk.title, system=talk.system, origin="chat")
            keeper.add(question.ref, talk.ref, parent, "user", text, documents=tuple(documents))

        view = TurnView(question.turn, question.ref, (kept + 1, kept + 1))
        await self._answer("assistant", begin, before=[view])

    async def answer_again(self, index: int) -> None:
        """Answer the question before the turn at `index` once more; the first answer stays beside it."""
        number = self._siblings_of(self.talk.path[index].ref) if index < len(self.talk.path) else 0
        await self._cut(index)
        await self._answer("assistant", lambda: None, siblings=number + 1)

    async def compact(self, index: int | None = None) -> None:
        """Have what was said summarized, before the turn at `index`; from then on the summary stands for it."""
        again = 0
        if index is not None:
            again = self._siblings_of(self.talk.path[index].ref)
            await self._cut(index)
        await self._answer("summary", lambda: None, siblings=again + 1, extra=Message("user", COMPACT))

    async def _answer(
        self,
        role: Any,
        begin: Callable[[], None],
        *,
        before: Sequence[TurnView] = (),
        siblings: int = 1,
        extra: Message | None = None,
    ) -> None:
        talk, keeper = self.talk, self.keeper
        turns = [entry.turn for entry in talk.path]
        parent = talk.path[-1].ref if talk.path else None
        model = self.model.name if self.model else ""
        answer = Entry(self._turn(role, "", model=model), PendingId())
        view = TurnView(answer.turn, answer.ref, (siblings, siblings))
        talk.path.append(answer)

        def begin_all() -> None:
            begin()
            keeper.add(answer.ref, talk.ref, parent, role, "", model=model, ended=False)

        if self.welcome is not None:
            await self.welcome.remove()
        await self.transcript.add(*before, view)
        self._start(view, self._job(turns, answer.ref, begin_all, extra=extra))

    async def go_on(self) -> None:
        """Continue the last answer."""
        entry = self.talk.path[-1]
        view = next((v for v in self.transcript.views if v.ref is entry.ref), None)
        if view is not None:
            turns = [each.turn for each in self.talk.path]
            self.transcript.anchor()
            self._start(view, self._job(turns, entry.ref, lambda: None, goes_on=True))

    def _turn(self, role: Any, text: str, **fields: Any) -> Turn:
        return Turn(id=0, conversation=0, parent=None, role=role, text=text, created=time.time(), **fields)

    def _job(self, turns: list[Turn], ref: PendingId, begin: Callable[[], None], **more: Any) -> Job:
        return Job(
            turns=turns,
            system=self.talk.system,
            turn=ref,
            begin=begin,
            sampling_of=self._sampling,
            max_tokens=self.backend.settings.max_tokens,
            think=self.backend.settings.think,
            private=self.private,
            left_out=self.talk.left_out,
            **more,
        )

    def _sampling(self, engine: Engine) -> Sampling:
        return self.backend.models.sampling(engine.info)

    def _start(self, view: TurnView, job: Job) -> None:
        self.banner("")
        self.stop_looking_up()
        self.live, self.job, self._rated = view, job, 0.0
        self.status.doing = "thinking" if self.holder.engine else self.status.doing or "waiting for the model"
        self._run(job, self.keeper)

    @work(thread=True, group="turn", exit_on_error=False)
    def _run(self, job: Job, keeper: HistoryWriter) -> None:
        Answering(self.holder.wait, keeper, self.post_message, time.monotonic).run(job)
