"""An answer while it comes: what its engine reports is shown in its turn."""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.widgets import Static

from quoth.errors import QuothError
from quoth.text.units import format_duration
from quoth.tui import answering
from quoth.tui.history_writer import PendingId, stored
from quoth.tui.screens.conversations import WithConversations
from quoth.tui.terminal import gc_pauses
from quoth.tui.widgets.turn import TurnView
from quoth.tui.work import TurnEnded


class WithAnswers(WithConversations):
    """The events of the answer that is being written."""

    @on(answering.LeftOut)
    async def _left_out(self, event: answering.LeftOut) -> None:
        talk = self.talk
        if event.job is self.job and event.messages != talk.left_out and self.live is not None:
            talk.left_out = event.messages
            what = "message does" if event.messages == 1 else f"{event.messages} messages do"
            text = f"― the first {what} not fit any more and will not be read; /compact puts a summary there ―"
            await self.transcript.query(".left-out").remove()
            await self.transcript.mount(Static(text, classes="left-out", markup=False), before=self.live)

    @on(answering.ReadingProgress)
    def _reading(self, event: answering.ReadingProgress) -> None:
        if event.job is not self.job:
            return
        left = "" if event.seconds_left is None else f", {format_duration(event.seconds_left)} left"
        done = event.done >= event.total
        self.status.doing = "thinking" if done else f"reading {event.done:,} of {event.total:,} tokens{left}"
        self.status.used = event.total

    @on(answering.TextArrived)
    async def _said(self, event: answering.TextArrived) -> None:
        if event.job is self.job and self.live is not None:  # else its conversation is not on the screen any more
            await self._show(event, self.live)
        self.call_after_refresh(event.shown.set)

    async def _show(self, event: answering.TextArrived, view: TurnView) -> None:
        status = self.status
        status.doing = "Escape stops"
        if event.seconds > self._rated + 1.0:  # each change draws the line again
            self._rated = event.seconds
            status.rate = event.tokens / event.seconds
        await view.append(event.text, event.thought)

    @on(answering.Noticed)
    def _noticed(self, event: answering.Noticed) -> None:
        self.notify(event.text, markup=False)

    @on(TurnEnded)
    async def _ended(self, event: TurnEnded) -> None:
        job = event.job
        if job is not self.job:
            return
        view, self.live, self.job = self.live, None, None
        self.status.doing = ""
        usage = job.usage
        if usage.write_seconds > 0 and usage.generated:
            self.status.rate = usage.generated / usage.write_seconds
        if usage.prompt:
            self.status.used = usage.prompt + usage.generated
        if view is not None:
            entry = next((e for e in self.talk.path if e.ref is view.ref), None)
            turn = replace(view.turn, text=job.said, thought=job.thought, reason=event.reason)
            turn = replace(turn, model=job.model or turn.model)
            if entry is not None:
                entry.turn = turn
            await view.finish(turn)
        if event.error is not None:
            self.banner(str(event.error))
        elif self.keeper.problem:
            self.banner(self.keeper.problem)
        if view is not None and view.turn.role == "summary":
            await self._summarized(view)
        await self.transcript.trim()
        self.call_after_refresh(gc_pauses.collect)
        self.refresh_conversations()
        if self._next_model is not None:
            model, self._next_model = self._next_model, None
            self.use_model(model)

    async def _summarized(self, view: TurnView) -> None:
        """A whole summary stands for what was said, a part of one does not."""
        if view.turn.text.strip() and view.turn.reason in ("stop", "length"):
            self.talk.left_out = 0
            return
        at = next((i for i, entry in enumerate(self.talk.path) if entry.ref is view.ref), None)
        if at is not None:
            left_out = self.talk.left_out
            await self._cut(at)
            self.talk.left_out = left_out
            keeper = self.keeper
            keeper.do(lambda: keeper.history.discard(stored(view.ref)))
            self.notify("There is no whole summary; the conversation stays as it was", markup=False)

    def _siblings_of(self, ref: PendingId) -> int:
        """How many versions of a turn there are."""
        try:
            return len(self.keeper.history.siblings(ref.id)) if ref.id is not None else 1
        except QuothError:
            return 1

    async def _cut(self, index: int) -> None:
        """Take the turns from `index` on from the screen; in the history they stay."""
        gone = {entry.ref for entry in self.talk.path[index:]}
        del self.talk.path[index:]
        self.talk.left_out = 0  # less may fit now
        await self.transcript.cut(gone)
