"""The model that answers: found, chosen, fetched, loaded, each beside the screen; the last one loaded answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from textual.worker import get_current_worker

from quoth.errors import QuothError
from quoth.library import model_choice
from quoth.library.model import Model
from quoth.library.workspace import Workspace
from quoth.tui.chat.chat_layout import PROBABILITIES, ChatLayout
from quoth.tui.chat.chat_session import ChatSession
from quoth.tui.chat.model_holder import ModelHolder
from quoth.tui.dialogs import ChooseModel

if TYPE_CHECKING:
    from quoth.models import ModelFile
    from quoth.models.offered_models import Choice
    from quoth.models.pull_progress import PullProgress

TOLD_SECONDS = 30.0  # that a sentence of the engine's stays
LOAD, FETCH = "model", "fetch"  # groups of threads


class OpenModel(Protocol):
    """Begins to load a model, as `quoth.library.model.Model` does. Raises QuothError."""

    def __call__(self, workspace: Workspace, file: ModelFile, *, tell: Callable[[str], None]) -> Model: ...


@dataclass(eq=False)
class ModelLoader:
    """Puts the model of a session in its place."""

    workspace: Workspace
    session: ChatSession
    view: ChatLayout
    open_model: OpenModel
    on_loaded: Callable[[], Awaitable[None]]  # called with every model that is in its place
    holder: ModelHolder = field(default_factory=ModelHolder, init=False)
    coming: int = field(default=0, init=False)  # threads at the end of which there may be a model

    def has_model(self) -> bool:
        """Whether an answer can be written; says so if not."""
        if self.session.model is None:
            self.view.say("There is no model yet: wait until it is loaded, or choose one with Ctrl+O")
        return self.session.model is not None

    # What the user chooses

    def find(self) -> None:
        """Load the model that is chosen already; without one show what there is to choose from."""
        self._thread(self._find, group=LOAD)

    async def ask_which(self) -> None:
        choice = await self.view.app.push_screen_wait(ChooseModel(self._choices, self._fit))
        if choice is not None:
            self.choose(choice)

    def choose(self, choice: Choice | str) -> None:
        """Load a model that is here, fetch one that is not."""
        if self.session.busy:
            self.view.say("An answer is being written; Escape stops it")
        elif isinstance(choice, str):
            self._thread(self._resolve, choice, group=LOAD)
        elif choice.model is not None:
            self._thread(self._adopt, choice.model, group=LOAD)
        elif choice.row is not None:
            self.fetch(choice.row.name)

    def use(self, file: ModelFile) -> None:
        """Load a model in place of the one that is in use, after the turn that is being answered."""
        session, view = self.session, self.view
        if session.busy:
            session.next_model = file
            view.say(f"{file.name} is loaded after this answer")
            return
        view.cancel(PROBABILITIES)
        session.model = None
        view.status.model = file.name
        self._thread(self._load, file, group=LOAD)

    def use_next(self) -> None:
        """Load the model that was chosen while a turn was being answered, if one was."""
        file, self.session.next_model = self.session.next_model, None
        if file is not None:
            self.use(file)

    def fetch(self, spec: str) -> None:
        """Pull a model, then load it."""
        self._thread(self._fetch, spec, group=FETCH)

    def offer(self) -> None:
        """Show what there is to choose from, where the conversation will be."""
        if self.view.welcome is not None:
            self.view.welcome.looking()
        self.view.thread(lambda: self.view.call(self._offer, self._choices()), group="choices")

    # In threads: offers and pulls are slow to import

    def _thread(self, work: Callable[..., None], *arguments: object, group: str) -> None:
        """Do work that should end in a model."""
        self.coming += 1

        def attempt() -> None:
            error = None
            try:
                work(*arguments)
            except QuothError as caught:
                error = caught
            finally:
                self.view.call(self._end, error)

        self.view.thread(attempt, group=group)

    def _end(self, error: QuothError | None) -> None:
        self.coming -= 1
        if error is not None:
            self.session.settle()
            self.view.banner(str(error))
            self._offer_if_none()

    def _find(self) -> None:
        file = model_choice.chosen(self.workspace)
        if file is None:
            self.view.call(self._offer_if_none)
        else:
            self._load(file)

    def _adopt(self, file: ModelFile) -> None:
        """Make a model that was found on this machine the default, and load it."""
        from quoth.library.model_offers import remember

        self.view.call(self.use, file if file.installed else remember(self.workspace, file))

    def _resolve(self, name: str) -> None:
        try:
            self.view.call(self.use, model_choice.named(self.workspace, name))
        except QuothError as error:
            if "quoth pull" not in error.try_:
                raise
            self.view.call(self.fetch, name)

    def _choices(self) -> Sequence[Choice]:
        from quoth.library.model_offers import all_choices

        return all_choices(self.workspace)

    def _fit(self, choice: Choice) -> str:
        from quoth.library.model_offers import fit_sentence

        return fit_sentence(self.workspace, choice)

    def _fetch(self, spec: str) -> None:
        from quoth.library.model_pull import fetch

        worker = get_current_worker()

        def progress(at: PullProgress) -> None:
            if worker.is_cancelled:
                raise QuothError("stopped", "the part stays, so that it can go on", "Choose the model again")
            total = at.total / 1e6 if at.total else None
            self._progress(f"{spec}, {pull_sentence(at)}", at.done / 1e6, total)

        self.view.call(self.use, fetch(self.workspace, spec, progress))

    def _load(self, file: ModelFile) -> None:
        def load() -> Model:
            model = self.open_model(self.workspace, file, tell=partial(self.view.call, self._tell))
            try:
                model.ready(lambda done: self._progress(f"Loading {file.name}", round(done * 100), 100))
            except BaseException:
                model.close()
                raise
            return model

        model = self.holder.load(load)
        if model is not None:
            self.view.call(self._loaded, model)

    def _progress(self, what: str, done: float, total: float | None) -> None:
        self.view.call(self._show_progress, what, done, total, latest=True)

    # What is shown of it

    def _show_progress(self, what: str, done: float, total: float | None) -> None:
        self.session.load(what + (f" {done / total:.0%}" if total else ""))
        if self.view.welcome is not None and self.session.model is None:
            self.view.welcome.progress(what, done, total)

    def _tell(self, sentence: str) -> None:
        """The engine has something to say: how it computes here."""
        self.view.notify(sentence[:1].upper() + sentence[1:], timeout=TOLD_SECONDS, markup=False)

    async def _loaded(self, model: Model) -> None:
        view, info = self.view, model.info
        self.session.model = model
        view.status.model, view.status.runs_on, view.status.room = model.name, info.runs_on, info.n_ctx
        self.session.settle()
        if view.welcome is not None:
            view.welcome.teach()
        await self.on_loaded()

    def _offer_if_none(self) -> None:
        if self.holder.model is None:
            self.view.status.model = "no model"
            self.offer()

    def _offer(self, choices: Sequence[Choice]) -> None:
        view = self.view
        if view.welcome is not None and self.session.model is None and not self.coming:
            view.welcome.offer(choices, focus=not view.prompt.text)


def pull_sentence(at: PullProgress) -> str:
    """How far a pull is: "downloading: 120 of 480 MB, 3 min left"."""
    done, total = at.done / 1e6, (at.total or 0) / 1e6
    amount = f": {done:,.0f} of {total:,.0f} MB" if total else (f": {at.detail}" if at.detail else "")
    left = f", {at.seconds_left / 60:.0f} min left" if at.seconds_left and at.seconds_left > 60 else ""
    return f"{at.stage}{amount}{left}"


def is_model(text: str) -> bool:
    """Whether what was typed, while there is no model, names one."""
    return text.startswith("hf:") or (text.lower().endswith(".gguf") and "\n" not in text)
