"""Replies: asked for, asked for again, continued; and drawn while they come."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from quoth.chat import Attachment, Message
from quoth.text import one_line
from quoth.text.units import format_duration
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession, WaitingQuestion
from quoth.tui.chat.open_conversation import REPLY, Entry, Task
from quoth.tui.chat.reply_thread import RunningReply, run_reply
from quoth.tui.chat.running_turn import RunningTurn
from quoth.tui.widgets.turn_view import TurnView

if TYPE_CHECKING:
    from quoth.history import Role, Turn

COMPACT = (
    "Summarize our conversation so far for yourself, so that you could go on with it from the summary alone: "
    "what was asked, what was found or decided, every name and number that matters. Answer with the summary only."
)


@dataclass(eq=False)
class Replies:
    """What is sent to the model as a conversation, and what comes back."""

    session: ChatSession
    view: ChatLayout
    max_tokens: int | None
    on_end: Callable[[], object]  # called after every turn, when it is on the screen as it is kept
    _rated: float = field(default=0.0, init=False)  # when the speed was shown last

    # Begun

    async def ask(self, text: str, documents: Sequence[Attachment] = ()) -> None:
        """Send a question at the end of the conversation, or as soon as there is a model."""
        session, view = self.session, self.view
        if session.waiting is not None:
            view.prompt.restore_text(text)
            view.say("One question waits for the model already; Escape takes it back")
            return
        documents = [*session.attachments, *documents]
        session.attachments = []
        view.show_attachments([])
        if session.model is None:
            session.waiting = WaitingQuestion(text, documents)
            view.banner(f"Sent as soon as there is a model: {one_line(text)}")
            return
        await self.ask_at(len(session.path), text, documents)

    async def ask_waiting(self) -> None:
        """Send the question that waits for a model, if there is one."""
        question = self.session.take_waiting()
        if question is not None:
            await self.ask(question.text, question.documents)

    async def ask_at(self, index: int, text: str, documents: Sequence[Attachment]) -> None:
        """Ask in place of the turn at `index` of the path, and of all that followed it."""
        version = await self._cut(index)
        question, write = self.session.conversation.add("user", text, documents=documents)
        await self._reply([(TurnView(question.turn, question.ref, (version, version)), write)])

    async def reply_again(self, index: int) -> None:
        """Answer the question before the turn at `index` once more; the first answer stays beside it."""
        await self._reply(version=await self._cut(index))

    async def compact(self, index: int | None = None) -> None:
        """Have what was said summarized, before the turn at `index`; from then on the summary stands for it."""
        version = 1 if index is None else await self._cut(index)
        await self._reply(role="summary", version=version, extra=Message("user", COMPACT))

    async def continue_answer(self) -> None:
        """Go on with the last answer."""
        entry = self.session.path[-1]
        if self.view.transcript.view_of(entry.ref) is not None:
            self.view.transcript.anchor()
            turns = [each.turn for each in self.session.path]
            self._start(self._running(entry, turns, continues=True))

    async def _reply(
        self,
        before: Sequence[tuple[TurnView, Callable[[str], None]]] = (),
        *,
        role: Role = "assistant",
        version: int = 1,
        extra: Message | None = None,
    ) -> None:
        task = Task("compact") if role == "summary" else REPLY
        turns = [entry.turn for entry in self.session.path]
        answer, write = self.session.conversation.add(role, model=self.session.model_name, task=task)
        view = TurnView(answer.turn, answer.ref, (version, version))
        await self.view.add_turns(*(each for each, _ in before), view)
        new = [*(write for _, write in before), write]
        self._start(self._running(answer, turns, new=new, extra=extra))

    def _running(self, answer: Entry, turns: Sequence[Turn], **more: Any) -> RunningReply:
        session = self.session
        assert session.model is not None
        return RunningReply(
            turn=answer.ref,
            writer=session.writer,
            private=session.private,
            model=session.model,
            model_name=session.model.name,
            turns=turns,
            system=session.conversation.system,
            max_tokens=self.max_tokens,
            messages_dropped=session.conversation.messages_dropped,
            **more,
        )

    def _start(self, reply: RunningReply) -> None:
        self.view.banner("")
        self.view.cancel(PROBABILITIES)
        self._rated = monotonic()
        self.session.begin(reply)
        self.view.thread(run_reply, reply, self, group="turn")

    # Shown

    def read(self, reply: RunningReply, done: int, total: int, seconds_left: float | None) -> None:
        """Tokens of the prompt have been read, of a total; seconds left (None: not known yet)."""
        if reply is self.session.running:
            left = "" if seconds_left is None else f", {format_duration(seconds_left)} left"
            self.session.read(reply, f"reading {done:,} of {total:,} tokens{left}" if done < total else "")
            self.view.status.used = total

    async def text(self, reply: RunningReply, text: str, thought: str, rate: float, shown: threading.Event) -> None:
        """Text that came since the last one, at so many tokens/s; `shown` is set once it is on the screen."""
        view = self.view.transcript.view_of(reply.turn)
        if reply is self.session.running and view is not None:  # else it is not on the screen any more
            self.session.write(reply)
            if monotonic() > self._rated + 1.0:  # each change draws the line again
                self._rated = monotonic()
                self.view.status.rate = rate
            await view.append(text, thought)
        self.view.call_after_refresh(shown.set)

    async def dropped(self, reply: RunningReply, messages: int) -> None:
        """The oldest messages of the conversation do not fit and are not read."""
        conversation = self.session.conversation
        if reply is self.session.running and messages != conversation.messages_dropped:
            conversation.messages_dropped = messages
            what = "message does" if messages == 1 else f"{messages} messages do"
            text = f"― the first {what} not fit any more and will not be read; /compact puts a summary there ―"
            await self.view.transcript.show_dropped(text, reply.turn)

    async def end(self, running: RunningTurn) -> None:
        """A turn is over: a reply, or a task on documents."""
        session, view = self.session, self.view
        if not session.end(running):
            return
        usage = running.usage
        if usage.write_seconds > 0 and usage.generated:
            view.status.rate = usage.generated / usage.write_seconds
        if usage.prompt:
            view.status.used = usage.prompt + usage.generated
        index = session.conversation.index_of(running.turn)
        if index is not None:
            await self._finish(session.path[index], running)
        if running.error is not None:
            view.banner(str(running.error))
        elif session.writer.problem:
            view.banner(session.writer.problem)
        if index is not None and session.path[index].turn.role == "summary":
            await self._keep_whole_summary(index)
        await view.transcript.trim()
        view.call_after_refresh(gc.collect)  # while nothing moves on the screen
        self.on_end()

    async def _finish(self, entry: Entry, running: RunningTurn) -> None:
        model = running.model_name or entry.turn.model
        entry.turn = replace(entry.turn, text=running.said, thought=running.thought, reason=running.reason, model=model)
        view = self.view.transcript.view_of(entry.ref)
        if view is not None:
            await view.finish(entry.turn)

    async def _keep_whole_summary(self, index: int) -> None:
        """A whole summary stands for what was said, a part of one does not."""
        turn = self.session.path[index].turn
        if turn.text.strip() and turn.reason in ("stop", "length"):
            self.session.conversation.messages_dropped = 0
            return
        await self.view.transcript.cut(self.session.conversation.discard(index))
        self.view.say("The summary was not completed; the conversation stays as it was")

    async def _cut(self, index: int) -> int:
        """Take the turns from `index` on off the screen; returns the number of the version that follows the first."""
        version = self.session.conversation.versions_at(index) + 1
        await self.view.transcript.cut(self.session.conversation.cut(index))
        return version
