"""Small questions over the chat: yes or no, a text to edit, a model to choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static, TextArea
from textual.widgets.option_list import Option

from quoth.errors import QuothError
from quoth.tui.widgets.sidebar import enter_list

if TYPE_CHECKING:
    from quoth.models.offered_models import Choice

LOOK = """
    align: center middle;
    & > Vertical {
        width: 90%; max-width: 96; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    .title { text-style: bold; margin-bottom: 1; }
    .hint { color: $text-muted; margin-top: 1; }
"""


class Confirm(ModalScreen[bool]):
    """A question; y is yes, and Enter too unless what is asked cannot be undone."""

    DEFAULT_CSS = f"Confirm {{ {LOOK} }}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("enter", "enter", show=False),
        Binding("n,escape", "dismiss(False)", "No"),
    ]

    def __init__(self, question: str, detail: str = "", *, enter: bool = True) -> None:
        super().__init__()
        self._question, self._detail, self._enter = question, detail, enter

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question, classes="title", markup=False)
            yield Static(self._detail, markup=False)
            yes = "y or Enter: yes" if self._enter else "y: yes"
            yield Static(f"{yes}   n or Escape: no", classes="hint", markup=False)

    def action_enter(self) -> None:
        if self._enter:
            self.dismiss(True)


class EditText(ModalScreen[str | None]):
    """A text to edit: Ctrl+S takes it, Escape leaves it as it was."""

    DEFAULT_CSS = f"EditText {{ {LOOK} TextArea {{ height: 1fr; min-height: 6; max-height: 24; }} }}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "take", "Take it", priority=True, id="edit.take"),
        Binding("escape", "dismiss(None)", "Leave it", priority=True, id="edit.leave"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            yield TextArea(self._text)
            yield Static("Ctrl+S: take it   Escape: leave it as it was", classes="hint", markup=False)

    def on_mount(self) -> None:
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.move_cursor(area.document.end)

    def action_take(self) -> None:
        self.dismiss(self.query_one(TextArea).text)


class ChooseModel(ModalScreen["Choice | str | None"]):
    """Models here and models to fetch; or a path, a name, hf:OWNER/REPO typed above them."""

    DEFAULT_CSS = f"ChooseModel {{ {LOOK} OptionList {{ height: auto; max-height: 14; }} }}"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave"),
        Binding("down", "into_list", show=False),
    ]

    def __init__(self, find: Callable[[], Sequence[Choice]], fit: Callable[[Choice], str]) -> None:
        super().__init__()
        self._find, self._fit = find, fit
        self._choices: Sequence[Choice] = ()
        self._shown: list[Choice] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("Which model?", classes="title", markup=False)
            yield Input(placeholder="Filter, or a path, a name, hf:OWNER/REPO")
            yield OptionList(markup=False)
            yield Static("Looking for models on this machine …", classes="hint", markup=False)

    def on_mount(self) -> None:
        self._look()

    @work(thread=True, exit_on_error=False)
    def _look(self) -> None:
        try:
            choices = self._find()
        except QuothError as error:
            self.app.call_from_thread(self._say, str(error))
            return
        self.app.call_from_thread(self._show, choices)

    def _show(self, choices: Sequence[Choice]) -> None:
        self._choices = choices
        self._filter("")
        self._say("Enter takes the highlighted one; one that is not here yet is fetched")

    def _say(self, text: str) -> None:
        self.query_one(".hint", Static).update(text)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._filter(event.value.strip().casefold())

    def _filter(self, words: str) -> None:
        self._shown = [choice for choice in self._choices if words in choice.label.casefold()]
        self.query_one(OptionList).set_options([Option(choice.label) for choice in self._shown])

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index < len(self._shown):
            self._say_fit(self._shown[event.option_index])

    @work(thread=True, exclusive=True, group="fit", exit_on_error=False)
    def _say_fit(self, choice: Choice) -> None:
        try:
            text = self._fit(choice)
        except QuothError as error:
            text = str(error)
        if text:
            self.app.call_from_thread(self._say, text)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._shown[event.option_index])

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if self._shown and not is_place(text):
            self.dismiss(self._shown[self.query_one(OptionList).highlighted or 0])
        elif text:
            self.dismiss(text)

    def action_into_list(self) -> None:
        enter_list(self.query_one(OptionList))


def is_place(text: str) -> bool:
    """Whether a text says where a model is: a path, a .gguf file, hf:OWNER/REPO."""
    return text.startswith(("hf:", "~", ".")) or "/" in text or "\\" in text or text.casefold().endswith(".gguf")
