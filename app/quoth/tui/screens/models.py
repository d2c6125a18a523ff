"""The model that answers: found, chosen, fetched, loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from quoth.engine import ModelInfo
from quoth.errors import QuothError
from quoth.tui.screens.chat_layout import Shell
from quoth.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from quoth.models import ModelFile
    from quoth.models.offered_models import Choice
    from quoth.models.pull_progress import PullProgress


TOLD_SECONDS = 30.0  # that a sentence of the engine's stays


@dataclass
class Loaded(Message):
    """A model is loaded."""

    model: ModelFile
    info: ModelInfo


@dataclass
class LoadProgressed(Message):
    """A download or a load goes on."""

    what: str
    done: float
    total: float | None

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, LoadProgressed)


@dataclass
class EngineSpoke(Message):
    """The engine has something to say: how it computes here."""

    sentence: str


@dataclass
class Failed(Message):
    """Something beside an answer failed."""

    error: QuothError
    without_model: bool = False


class WithModels(Shell):
    """Models are looked for, fetched and loaded beside the screen; the last one loaded answers."""

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

    def use_model(self, model: ModelFile) -> None:
        """Load a model in place of the one that is in use, after the answer that is being written."""
        if self.busy:
            self._next_model = model
            self.notify(f"{model.name} is loaded after this answer", markup=False)
            return
        self.stop_looking_up()
        self.model = None
        self.status.model = model.name
        self._use_model(model)

    @work(thread=True, group="model", exit_on_error=False)
    def _use_model(self, model: ModelFile) -> None:
        self._load(model)

    @work(thread=True, group="model", exit_on_error=False)
    def adopt(self, model: ModelFile) -> None:
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

    def has_model(self) -> bool:
        """Whether an answer can be written, and by which model; says so if not."""
        if self.model is None:
            self.notify("There is no model yet: it loads, or Ctrl+O chooses one", markup=False)
        return self.model is not None

    def _load(self, model: ModelFile) -> None:
        def progress(done: float) -> None:
            self.post_message(LoadProgressed(f"Loading {model.name}", round(done * 100), 100))

        def tell(sentence: str) -> None:
            self.post_message(EngineSpoke(sentence))

        try:
            engine = self.holder.load(lambda: self.backend.models.start(model, progress, tell))
            if engine is not None:
                self.post_message(Loaded(model, engine.info))
        except QuothError as error:
            self.post_message(Failed(error, without_model=True))

    @on(LoadProgressed)
    def _progressed(self, event: LoadProgressed) -> None:
        self.status.doing = event.what + (f" {event.done / event.total:.0%}" if event.total else "")
        if self.welcome is not None and self.model is None:
            self.welcome.progress(event.what, event.done, event.total)

    @on(EngineSpoke)
    def _told(self, event: EngineSpoke) -> None:
        self.notify(event.sentence[:1].upper() + event.sentence[1:], timeout=TOLD_SECONDS, markup=False)

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

        def progress(at: PullProgress) -> None:
            if worker.is_cancelled:
                raise QuothError("stopped", "the part stays, so that it can go on", "Choose the model again")
            done, total = at.done / 1e6, at.total / 1e6 if at.total else None
            amount = f": {done:,.0f} of {total:,.0f} MB" if total else (f": {at.detail}" if at.detail else "")
            amount += f", {at.left / 60:.0f} min left" if at.left and at.left > 60 else ""
            self.post_message(LoadProgressed(f"{spec}, {at.stage}{amount}", done, total))

        try:
            model = self.backend.models.pull(spec, progress)
        except QuothError as error:
            self.post_message(Failed(error, without_model=True))
            return
        self.app.call_from_thread(self.use_model, model)

    @on(Welcome.Chosen)
    def _chosen(self, event: Welcome.Chosen) -> None:
        self.take_choice(event.choice)
        self.prompt.focus()  # for what is typed meanwhile

    def is_model(self, text: str) -> bool:
        """Whether what was typed, while there is no model, names one."""
        return text.startswith("hf:") or (text.lower().endswith(".gguf") and "\n" not in text)

    def take_choice(self, choice: Choice | str) -> None:
        """Load a model that is here, fetch one that is not."""
        if self.busy:
            self.notify("An answer is being written; Escape stops it", markup=False)
        elif isinstance(choice, str):
            self.resolve_model(choice)
        elif choice.model is not None:
            self.adopt(choice.model)
        elif choice.row is not None:
            self.fetch(choice.row.name)

    @work(thread=True, group="model", exit_on_error=False)
    def resolve_model(self, name: str) -> None:
        try:
            model = self.backend.models.resolve(name)
        except QuothError as error:
            if "quoth pull" in error.try_:
                self.app.call_from_thread(self.fetch, name)
            else:
                self.app.call_from_thread(self.banner, str(error))
            return
        self.app.call_from_thread(self.use_model, model)
