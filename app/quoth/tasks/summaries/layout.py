"""What stands before each sentence of a summary, by the style that was asked for. Pure."""

from __future__ import annotations

from quoth.tasks.collection import Collection, Span
from quoth.tasks.summaries.summary import Style
from quoth.text.white_space import folded


class Layout:
    """Of sentences that each come from a place in documents, in order."""

    def __init__(self, collection: Collection, style: Style) -> None:
        self._collection = collection
        self._style = style
        self._last = ""
        self._above: tuple[str, ...] | None = None

    def before(self, text: str, span: Span) -> str:
        """White space, a bullet, in an outline the headings above; "" before the first of prose."""
        first, last, self._last = not self._last, self._last, text
        if self._style == "prose":
            return "" if first else joint(last, text)
        mark = "- "
        headings = self._collection.place(span).headings
        if self._style == "outline" and headings != self._above:
            self._above = headings
            mark = f"{' > '.join(headings) or self._collection.documents[span.document].name}\n- "
        return mark if first else f"\n{mark}"


def joint(one: str, next_: str) -> str:
    """What stands between two sentences of prose: a space, in Chinese and Japanese nothing."""
    return "" if folded(f"{one}\n{next_}") == one + next_ else " "
