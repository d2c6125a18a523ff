"""What an empty conversation shows: three questions to pick, or, without a model, the models to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, ProgressBar, Static
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from quoth.models.offered_models import Choice

EXAMPLES = (
    "Explain in three sentences what a language model is.",
    "Write a haiku about the sea at night.",
    "Give me five names for a small grey cat.",
)
TEACH = "Drop or paste a path to ask about a file, or to have it summarized. / lists the commands, F1 the keys."
OTHER = "Another file or model: type its path or hf:OWNER/REPO below"


class Welcome(Vertical):
    """The first thing a new user sees."""

    DEFAULT_CSS = """
    Welcome {
        height: auto; padding: 1 2;
        .title { text-style: bold; color: $text-primary; margin-bottom: 1; }
        .hint { color: $text-muted; margin-top: 1; }
        OptionList { height: auto; max-height: 12; border: none; background: transparent; padding: 0; }
        ProgressBar { display: none; margin-top: 1; width: 1fr; }
    }
    """

    @dataclass
    class Picked(Message):
        """An example question was picked."""

        text: str

    @dataclass
    class Chosen(Message):
        """A model was chosen."""

        choice: Choice

    def __init__(self) -> None:
        super().__init__()
        self._choices: Sequence[Choice] = ()
        self._title = Static("What shall we talk about?", classes="title", markup=False)
        self._options = OptionList(*[Option(example) for example in EXAMPLES], markup=False)
        self._bar = ProgressBar()
        self._hint = Static(TEACH, classes="hint", markup=False)

    def compose(self) -> ComposeResult:
        yield from (self._title, self._options, self._bar, self._hint)

    def offer(self, choices: Sequence[Choice], focus: bool = True) -> None:
        """Show models in place of questions; without `focus` the user is typing."""
        self._choices = choices
        self.say("No model yet. Which one? Everything stays on this machine.", OTHER)
        self._options.set_options([Option(choice.label) for choice in choices])
        self._options.highlighted = 0
        if focus:
            self._options.focus()

    def looking(self) -> None:
        self.say("Looking for models on this machine …", "")
        self._options.clear_options()

    def teach(self) -> None:
        """Show the questions."""
        self._choices = ()
        self.say("What shall we talk about?", TEACH)
        self._bar.display = False
        self._options.set_options([Option(example) for example in EXAMPLES])

    def say(self, title: str, hint: str) -> None:
        self._title.update(title)
        self._hint.update(hint)

    def progress(self, what: str, done: float, total: float | None) -> None:
        """How far a download or a load is."""
        self.say(what, "You can type meanwhile; it is sent when the model is there.")
        self._options.clear_options()
        self._bar.display = True
        self._bar.update(total=total, progress=done)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self._choices:
            self.post_message(self.Chosen(self._choices[event.option_index]))
        else:
            self.post_message(self.Picked(EXAMPLES[event.option_index]))
