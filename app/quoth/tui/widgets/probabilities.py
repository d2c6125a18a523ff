"""An answer coloured by how likely each of its tokens was, with the alternatives at the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from quoth.engine import TokenLogprob
from quoth.text import sane

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


class Probabilities(Widget, can_focus=True):
    """Left and Right move from token to token; the line below says what else could have stood there."""

    DEFAULT_CSS = """
    Probabilities { height: auto; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Token before", id="probabilities.left"),
        Binding("right", "move(1)", "Token after", id="probabilities.right"),
        Binding("u", "unlikely", "Next unlikely", id="probabilities.unlikely"),
        Binding("p,escape", "leave", "Back", id="probabilities.leave"),
    ]

    cursor: reactive[int] = reactive(0, layout=True)

    def __init__(self, tokens: Sequence[TokenLogprob]) -> None:
        super().__init__()
        self._tokens = list(tokens)

    def render(self) -> Content:
        spans = [
            Content.styled(token.text, f"{band(token.logprob)} reverse" if i == self.cursor else band(token.logprob))
            for i, token in enumerate(self._tokens)
        ]
        return Content("").join([*spans, Content("\n\n"), self._alternatives()])

    def _alternatives(self) -> Content:
        token = self._tokens[self.cursor]
        others = [(text, logprob) for text, _, logprob in token.top[:SHOWN]]
        said = f"{self.cursor + 1} of {len(self._tokens)}: {_quoted(token.text)} {math.exp(token.logprob):.1%}"
        rest = "   ".join(f"{_quoted(text)} {math.exp(logprob):.1%}" for text, logprob in others)
        return Content.styled(f"{said}\n{rest}", "$text-muted")

    def action_move(self, step: int) -> None:
        self.cursor = max(0, min(len(self._tokens) - 1, self.cursor + step))

    def action_unlikely(self) -> None:
        """Go to the next token that had less than half of the probability."""
        order = [*range(self.cursor + 1, len(self._tokens)), *range(self.cursor + 1)]
        self.cursor = next((i for i in order if self._tokens[i].logprob < math.log(0.5)), self.cursor)

    async def action_leave(self) -> None:
        from quoth.tui.widgets.turn import TurnView

        for ancestor in self.ancestors:
            if isinstance(ancestor, TurnView):
                await ancestor.show_probabilities()
                return


def _quoted(text: str) -> str:
    return f"“{sane(text.replace(chr(10), '⏎'), 20) or text.replace(chr(10), '⏎')}”"
