"""A conversation on a screen: its turns, the engine that answers, the history that keeps it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message as TextualMessage
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState, get_current_worker

from quoth.chat import Document, Message
from quoth.engine import Engine, ModelInfo, Sampling
from quoth.errors import QuothError, StorageError
from quoth.store import Turn
from quoth.text import sane
from quoth.tui import answering
from quoth.tui.answering import Answering, Job
from quoth.tui.backend import Backend
from quoth.tui.keeper import Keeper, Ref, stored
from quoth.tui.loading import EngineHolder
from quoth.tui.widgets.prompt import Prompt
from quoth.tui.widgets.sidebar import Sidebar
from quoth.tui.widgets.status import Status, duration
from quoth.tui.widgets.transcript import Transcript
from quoth.tui.widgets.turn import TurnView, attachments_line
from quoth.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from quoth.models import Model
    from quoth.models.choices import Choice
    from quoth.models.pull import Progress

WIDE = 110  # columns from which the list of conversations is shown by itself
LAST_SECONDS = 2.0  # for the answer that is being written when the app is left
RETRY_SECONDS = 5.0  # a history that refused is tried again
COMPACT = (
    "Summarize our conversation so far for yourself, so that you could go on with it from the summary alone: "
    "what was asked, what was found or decided, every name and number that matters. Answer with the summary only."
)


@dataclass
class Entry:
    """A turn of the conversation on the screen, and its place in the history."""

    turn: Turn
    ref: Ref


@dataclass
class Talk:
    """The conversation on the screen."""

    ref: Ref = field(default_factory=Ref)
    system: str = ""
    title: str = ""
    path: list[Entry] = field(default_factory=list)
    left_out: int = 0  # messages that did not fit any more


@dataclass
class Loaded(TextualMessage):
    """A model is loaded."""

    model: Model
    info: ModelInfo


@dataclass
class Progressed(TextualMessage):
    """A download or a load goes on."""

    what: str
    done: float
    total: float | None

    def can_replace(self, message: TextualMessage) -> bool:
        return isinstance(message, Progressed)


@dataclass
class Failed(TextualMessage):
    """Something beside an answer failed."""

    error: QuothError
    without_model: bool = False


class Conversing(Screen[None]):
    """The conversation on the screen, its engine and its history; what keys and commands do is in `ChatScreen`."""

    DEFAULT_CSS = """
    #main { width: 1fr; }
    #transcript { height: 1fr; }
    #attachments { color: $text-accent; padding: 0 1; display: none; }
    #banner { background: $error 30%; color: $text; padding: 0 1; display: none; }
    """

    def __init__(self, backend: Backend, conversation: int | None = None, question: str = "") -> None:
        super().__init__()
        self.backend = backend
        self.keeper = Keeper(backend.history)
        self.holder = EngineHolder()
        self.talk = Talk(system=backend.setting("system"))
        self.model: Model | None = None
        self.attachments: list[Document] = []
        self.live: TurnView | None = None  # the answer that is being written
        self.private = backend.private
        self.job: Job | None = None
        self._rated = 0.0  # seconds into the answer when its speed was shown last
        self._pending: tuple[str, list[Document]] | None = None  # asked before there was a model
        self._next_model: Model | None = None  # chosen while an answer was being written
        self._left: Job | None = None  # the answer that was let go last
        self._first = (conversation, question)
        self._lasting = self.keeper

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Sidebar(id="sidebar")
            with Vertical(id="main"):
                yield Transcript(id="transcript")
                yield Static("", id="banner", markup=False)
                yield Static("", id="attachments", markup=False)
                yield Prompt(id="prompt")
        yield Status(id="status")
        yield Footer(show_command_palette=False)

    # What the screen is made of

    @property
    def transcript(self) -> Transcript:
        return self.query_one("#transcript", Transcript)

    @property
    def prompt(self) -> Prompt:
        return self.query_one("#prompt", Prompt)

    @property
    def status(self) -> Status:
        return self.query_one("#status", Status)

    @property
    def sidebar(self) -> Sidebar:
        return self.query_one("#sidebar", Sidebar)

    @property
    def busy(self) -> bool:
        return self.live is not None

    async def on_mount(self) -> None:
        self.sidebar.display = self.app.size.width >= WIDE
        self.prompt.focus()
        self.status.private = self.private
        await self.show_empty()
        self.set_interval(RETRY_SECONDS, self._retry_history)
        # After the first paint: what follows takes time on a slow disk.
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        gc.freeze()  # what the app is made of is never garbage
        gc.enable()
        self._warm()
        self.find_model()
        self.refresh_conversations()
        if self.keeper.history.problem:
            self.banner(self.keeper.history.problem)
        conversation, question = self._first
        if conversation is not None:
            self.open_conversation(conversation)
        if question:
            self.call_later(self.ask, question)

    @work(thread=True, exit_on_error=False)
    def _warm(self) -> None:
        """Import what the first turn needs: it is no part of the first paint."""
        import quoth.tui.widgets.answer  # noqa: F401

    async def show_empty(self) -> None:
        """An empty conversation, which teaches."""
        await self.transcript.show([])
        await self.transcript.add(Welcome())
        self.status.used = 0
        self.status.rate = 0

    @property
    def welcome(self) -> Welcome | None:
        found = self.query(Welcome)
        return found.first(Welcome) if found else None

    def banner(self, text: str) -> None:
        """A line above the prompt that stays until the next question; empty: none."""
        line = self.query_one("#banner", Static)
        line.update(text)
        line.display = bool(text)

    # The model

    @work(thread=True, group="model", exit_on_error=False)
    def find_model(self) -> None:
        """The model that is chosen already; else what there is to choose from."""
        try:
            model = self.backend.models.chosen()
        except QuothError as error:
            self.post_message(Failed(error, without_model=True))
            return
        if model is None:
            self.post_message(Failed(QuothError(""), without_model=True))
        else:
            self._load(model)

    def use_model(self, model: Model) -> None:
        """Load a model in place of the one that is in use, after the answer that is being written."""
        if self.busy:
            self._next_model = model
            self.notify(f"{model.name} is loaded after this answer", markup=False)
            return
        self.model = None
        self.status.model = model.name
        self._use_model(model)

    @work(thread=True, group="model", exit_on_error=False)
    def _use_model(self, model: Model) -> None:
        self._load(model)

    @work(thread=True, group="model", exit_on_error=False)
    def adopt(self, model: Model) -> None:
        """Make a model that was found on this machine the default, and load it."""
        try:
            model = model if model.installed else self.backend.models.remember(model)
        except QuothError as error:
            self.post_message(Failed(error))
            return
        self.app.call_from_thread(self.use_model, model)

    @property
    def model_is_coming(self) -> bool:
        """Whether a model is on its way."""
        return any(worker.group in ("model", "fetch") and worker.is_running for worker in self.workers)

    def _load(self, model: Model) -> None:
        def progress(done: float) -> None:
            self.post_message(Progressed(f"Loading {model.name}", round(done * 100), 100))

        try:
            engine = self.holder.load(lambda: self.backend.models.start(model, progress))
            if engine is not None:
                self.post_message(Loaded(model, engine.info))
        except QuothError as error:
            self.post_message(Failed(error, without_model=True))

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

    @on(Progressed)
    def _progressed(self, event: Progressed) -> None:
        self.status.doing = event.what + (f" {event.done / event.total:.0%}" if event.total else "")
        if self.welcome is not None and self.model is None:
            self.welcome.progress(event.what, event.done, event.total)

    @on(Failed)
    def _failed(self, event: Failed) -> None:
        self.status.doing = ""
        if str(event.error):
            self.banner(str(event.error))
        if event.without_model and self.holder.engine is None:
            self.status.model = "no model"
            self.offer_models()

    @work(thread=True, group="choices", exit_on_error=False)
    def offer_models(self) -> None:
        """Show what there is to choose from, where the conversation will be."""
        if self.welcome is not None:
            self.app.call_from_thread(self.welcome.looking)
        try:
            choices = self.backend.models.choices()
        except QuothError as error:
            self.post_message(Failed(error))
            return
        self.app.call_from_thread(self._offer, choices)

    def _offer(self, choices: Sequence[Choice]) -> None:
        if self.welcome is not None and self.model is None and not self.model_is_coming:
            self.welcome.offer(choices, focus=not self.prompt.text)

    @work(thread=True, group="fetch", exit_on_error=False)
    def fetch(self, spec: str) -> None:
        """Pull a model, then load it."""
        worker = get_current_worker()

        def progress(at: Progress) -> None:
            if worker.is_cancelled:
                raise QuothError("stopped", "the part stays, so that it can go on", "Choose the model again")
            done, total = at.done / 1e6, at.total / 1e6 if at.total else None
            amount = f": {done:,.0f} of {total:,.0f} MB" if total else (f": {at.detail}" if at.detail else "")
            self.post_message(Progressed(f"{spec}, {at.stage}{amount}", done, total))

        try:
            model = self.backend.models.pull(spec, progress)
        except QuothError as error:
            self.post_message(Failed(error, without_model=True))
            return
        self.app.call_from_thread(self.use_model, model)

    # Questions and answers

    @on(Welcome.Picked)
    async def _picked(self, event: Welcome.Picked) -> None:
        self.prompt.focus()
        await self.ask(event.text)

    async def ask(self, text: str, documents: Sequence[Document] = ()) -> None:
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

    async def ask_at(self, index: int, text: str, documents: Sequence[Document]) -> None:
        """Ask in place of the turn at `index` of the path, and of all that followed it."""
        talk, keeper = self.talk, self.keeper
        parent = talk.path[index - 1].ref if index else None
        kept = self._siblings_of(talk.path[index].ref) if index < len(talk.path) else 0
        await self._cut(index)
        question = Entry(self._turn("user", text, documents=tuple(documents)), Ref())
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
        answer = Entry(self._turn(role, "", model=model), Ref())
        view = TurnView(answer.turn, answer.ref, (siblings, siblings))
        talk.path.append(answer)

        def begin_all() -> None:
            begin()
            keeper.add(answer.ref, talk.ref, parent, role, "", model=model, settings=self._asked(), ended=False)

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

    def _job(self, turns: list[Turn], ref: Ref, begin: Callable[[], None], **more: Any) -> Job:
        return Job(
            turns=turns,
            system=self.talk.system,
            turn=ref,
            begin=begin,
            sampling_of=self._sampling,
            max_tokens=self.backend.setting("max_tokens"),
            think=self.backend.setting("think"),
            private=self.private,
            left_out=self.talk.left_out,
            **more,
        )

    def _asked(self) -> dict[str, Any]:
        settings = self.backend.settings
        return {name: settings[name] for name in settings if settings.is_set(name) and name != "system"}

    def _sampling(self, engine: Engine) -> Sampling:
        return replace(self.backend.models.sampling(engine.info), logprobs=answering.ALTERNATIVES)

    def _start(self, view: TurnView, job: Job) -> None:
        self.banner("")
        self.live, self.job, self._rated = view, job, 0.0
        self.status.doing = "thinking" if self.holder.engine else self.status.doing or "waiting for the model"
        self._run(job, self.keeper)

    @work(thread=True, group="turn", exit_on_error=False)
    def _run(self, job: Job, keeper: Keeper) -> None:
        Answering(self.holder.wait, keeper, self.post_message, time.monotonic).run(job)

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
        left = "" if event.seconds_left is None else f", {duration(event.seconds_left)} left"
        done = event.done >= event.total
        self.status.doing = "thinking" if done else f"reading {event.done:,} of {event.total:,} tokens{left}"
        self.status.used = event.total

    @on(answering.Said)
    async def _said(self, event: answering.Said) -> None:
        if event.job is self.job and self.live is not None:  # else its conversation is not on the screen any more
            await self._show(event, self.live)
        self.call_after_refresh(event.shown.set)

    async def _show(self, event: answering.Said, view: TurnView) -> None:
        status = self.status
        status.doing = "Escape stops"
        if event.seconds > self._rated + 1.0:  # each change draws the line again
            self._rated = event.seconds
            status.rate = event.tokens / event.seconds
        await view.append(event.text, event.thought)

    @on(answering.Noticed)
    def _noticed(self, event: answering.Noticed) -> None:
        self.notify(event.text, markup=False)

    @on(answering.Ended)
    async def _ended(self, event: answering.Ended) -> None:
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
            if entry is not None:
                entry.turn = turn
            await view.finish(turn, tuple(job.logprobs))
        if event.error is not None:
            self.banner(str(event.error))
        elif self.keeper.problem:
            self.banner(self.keeper.problem)
        if view is not None and view.turn.role == "summary":
            await self._summarized(view)
        await self.transcript.trim()
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

    def _turn(self, role: Any, text: str, **fields: Any) -> Turn:
        return Turn(id=0, conversation=0, parent=None, role=role, text=text, created=time.time(), **fields)

    def _siblings_of(self, ref: Ref) -> int:
        """How many versions of a turn there are."""
        try:
            return len(self.keeper.history.siblings(ref.id)) if ref.id is not None else 1
        except QuothError:
            return 1

    async def _cut(self, index: int) -> None:
        """Take the turns from `index` on from the screen; in the history they stay."""
        gone = {id(entry.ref) for entry in self.talk.path[index:]}
        del self.talk.path[index:]
        self.talk.left_out = 0  # less may fit now
        await self.transcript.remove_children([v for v in self.transcript.views if id(v.ref) in gone])

    # Conversations

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def refresh_conversations(self) -> None:
        """List what was found where somebody searches, else all conversations."""
        worker, history, sidebar = get_current_worker(), self._lasting.history, self.sidebar
        words = sidebar.words
        current = None if self.keeper is not self._lasting else self.talk.ref.id

        def show(fill: Callable[..., None], *found: Any) -> None:
            if not worker.is_cancelled:  # else a later list is on its way or there
                fill(*found)

        try:
            if words:
                self.app.call_from_thread(show, sidebar.show_hits, history.search(words))
            else:
                self.app.call_from_thread(show, sidebar.show_conversations, history.conversations(200), current)
        except StorageError as error:
            self.post_message(Failed(error))

    @work(thread=True, exclusive=True, group="open", exit_on_error=False)
    def open_conversation(self, number: int, turn: int | None = None, keeper: Keeper | None = None) -> None:
        """Show a conversation, if it is on another branch the one that `turn` is on; of a private history, its own."""
        keeper = keeper or self._lasting
        history = keeper.history
        job = self._left
        if self.job is not None and keeper is self.keeper and self.talk.ref.id == number:
            job = self.job
            job.stop.set()
        if job is not None:
            job.kept.wait(LAST_SECONDS)  # all that was said in it, not what had been written by chance
        try:
            if turn is not None:
                history.select(turn)
            row, turns = history.conversation(number), history.path(number)
            places = [_place(history.siblings(t.id), t.id) for t in turns]
        except QuothError as error:
            self.post_message(Failed(error))
            return
        self.app.call_from_thread(self.call_later, self._show_conversation, keeper, row, turns, places, turn)

    async def _show_conversation(
        self, keeper: Keeper, row: Any, turns: list[Turn], places: list[tuple[int, int]], turn: int | None
    ) -> None:
        self.let_go()
        if keeper is self._lasting:
            self.leave_private()
        elif keeper is not self.keeper:
            return  # a private conversation that was left meanwhile
        self.talk = Talk(Ref(row.id), row.system, row.title, [Entry(t, Ref(t.id)) for t in turns])
        self.prompt.recallable = [t.text for t in turns if t.role == "user"]
        last = turns[-1] if turns else None
        self.status.used = last.prompt_tokens + last.generated_tokens if last is not None else 0
        self.status.rate = 0
        views = [TurnView(e.turn, e.ref, place) for e, place in zip(self.talk.path, places, strict=True)]
        view = next((view for view in views if view.ref.id == turn), None)
        await self.transcript.show(views, view)
        self.banner("")
        if view is not None:
            view.scroll_visible(animate=False)
            view.focus()
        else:
            self.prompt.focus()

    def let_go(self) -> None:
        """Stop the answer that is being written; its thread keeps what was said."""
        if self.job is not None:
            self.job.stop.set()
            self._left = self.job
        self.live = self.job = None
        self.status.doing = ""
        self.take_back()

    def take_back(self) -> bool:
        """Put the question that waits for a model back into the prompt, if there is one."""
        if self._pending is None:
            return False
        (text, documents), self._pending = self._pending, None
        self.prompt.give_back(text)
        self.set_attachments([*documents, *self.attachments])
        self.banner("")
        return True

    def leave_private(self) -> bool:
        """Conversations of the list are in the lasting history. Returns whether there was a private one to leave."""
        if not self.private or self.backend.private:
            return False
        self.private = self.status.private = False
        self.keeper = self._lasting
        self.prompt.recallable = []
        return True

    @work(thread=True, exclusive=True, group="retry", exit_on_error=False)
    def _retry_history(self) -> None:
        if self._lasting.waiting and self._lasting.flush():
            self.app.call_from_thread(self.banner, "")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A bug in something beside an answer must not end the app either."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            known = isinstance(error, QuothError)
            self.banner(str(error) if known else f"{type(error).__name__}: {error} (this is a bug). Please report it")

    def set_attachments(self, documents: list[Document]) -> None:
        self.attachments = documents
        line = self.query_one("#attachments", Static)
        line.update(attachments_line([(d.name, d.text) for d in documents]))
        line.display = bool(documents)

    def shutdown(self) -> int:
        """Stop what runs and close the engine; returns the changes that never got into the history."""
        if self.job is not None:
            self.job.stop.set()
            self.job.kept.wait(LAST_SECONDS)
        self._lasting.flush()
        self.holder.close()
        return self._lasting.waiting


def _place(siblings: list[int], turn: int) -> tuple[int, int]:
    return (siblings.index(turn) + 1, len(siblings)) if turn in siblings else (1, 1)
