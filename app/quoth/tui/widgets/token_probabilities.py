"""An answer coloured by how likely each of its tokens was, with a cursor that tells the alternatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from quoth.engine import TokenLogprob
from quoth.text import one_line

# The lowest probability of a band, and its look: also without colour the unlikely stand out.
BANDS: tuple[tuple[float, str], ...] = (
    (0.9, "$text"),
    (0.5, "$text-success"),
    (0.2, "$text-warning underline"),
    (0.0, "$text-error bold underline"),
)
SHOWN = 5  # alternatives


def band(logprob: float) -> str:
    """The look of a token with this natural-log probability."""
    probability = math.exp(min(0.0, logprob))
    return next(look for low, look in BANDS if probability >= low)


class TokenProbabilities(Widget, can_focus=True):
    """Left and Right move from token to token; what else could have stood there is told by `Looked`."""

    DEFAULT_CSS = "TokenProbabilities { height: auto; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Token before", id="probabilities.left"),
        Binding("right", "move(1)", "Token after", id="probabilities.right"),
        Binding("u", "unlikely", "Next unlikely", id="probabilities.unlikely"),
        Binding("p,escape", "leave", "Back", id="probabilities.leave"),
    ]

    cursor: reactive[int] = reactive(0, init=False)

    @dataclass
    class Looked(Message):
        """The cursor is at a token: its probability in one line, the alternatives in the next."""

        view: TokenProbabilities
        text: str

    class Left(Message):
        """The user wants the answer back as it was."""

    def __init__(self, tokens: Sequence[TokenLogprob]) -> None:
        super().__init__()
        self._tokens = list(tokens)

    def render(self) -> Content:
        looks = [band(token.logprob) for token in self._tokens]
        looks[self.cursor] += " reverse"
        return Content.assemble(*((token.text, look) for token, look in zip(self._tokens, looks, strict=True)))

    @property
    def cursor_region(self) -> Region:
        """The lines that the token at the cursor is in, and one more on either side, in the widget's own cells."""
        before, token = "".join(token.text for token in self._tokens[: self.cursor]), self._tokens[self.cursor].text
        first, last = self._lines(before), self._lines(before + token)
        return Region(0, max(0, first - 2), 1, last - first + 3)

    def _lines(self, text: str) -> int:
        return max(1, Content(text).get_height({}, self.content_size.width))

    def on_focus(self) -> None:
        self.watch_cursor()

    def watch_cursor(self) -> None:
        token = self._tokens[self.cursor]
        others = "   ".join(_named(text, logprob) for text, _, logprob in token.top[:SHOWN])
        place = f"{self.cursor + 1} of {len(self._tokens)}"
        self.post_message(self.Looked(self, f"{place}: {_named(token.text, token.logprob)}\n{others}"))

    def action_move(self, step: int) -> None:
        self.cursor = max(0, min(len(self._tokens) - 1, self.cursor + step))

    def action_unlikely(self) -> None:
        """Go to the next token that had less than half of the probability."""
        order = [*range(self.cursor + 1, len(self._tokens)), *range(self.cursor + 1)]
        self.cursor = next((i for i in order if self._tokens[i].logprob < math.log(0.5)), self.cursor)

    def action_leave(self) -> None:
        self.post_message(self.Left())


def _named(text: str, logprob: float) -> str:
    text = text.replace("\n", "⏎")
    return f"“{one_line(text, 20) or text}” {math.exp(logprob):.1%}"
