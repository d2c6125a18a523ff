"""What is said about documents, as lines with places; and how far the work is, in the command line's words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quoth.text.sentences import sentences
from quoth.text.units import format_duration

if TYPE_CHECKING:
    from quoth.tasks.collection import Collection, Span
    from quoth.tasks.question_answering import Answered

Look = Literal["question", "said", "quote", "notice"]
NOT_FOUND = "not in the documents"


@dataclass(frozen=True, slots=True)
class Line:
    """Something said, and the stretches of the documents that it rests on, with how they are cited."""

    text: str
    look: Look = "said"
    spans: tuple[Span, ...] = ()
    cites: tuple[str, ...] = ()
    places: tuple[str, ...] = ()  # the same, short: without folders


def lines_of(answered: Answered, collection: Collection) -> Iterator[Line]:
    """An answer, and the quotes that hold it; a quote that is the answer stands once."""
    if not answered.found:
        yield Line(NOT_FOUND)
        return
    is_quote = answered.answer == " ".join(citation.quote for citation in answered.citations)
    if not is_quote:
        for line in answered.answer.splitlines():
            for start, end in sentences(line):
                yield Line(line[start:end])
    for citation in answered.citations:
        text = citation.quote if is_quote else f"“{citation.quote}”"
        yield Line(text, "quote", (citation.span,), (collection.cite(citation.span),))


def in_history(lines: Sequence[Line]) -> str:
    """An answer as the conversation keeps it: the text, and a paragraph for each quote with its place."""
    text = " ".join(line.text for line in lines if line.look == "said")
    quotes = [f"{line.text} [{'; '.join(line.cites)}]" for line in lines if line.look == "quote"]
    return "\n\n".join(filter(None, [text, *quotes]))


class ProgressLine:
    """How far a step is, in the words of the command line."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._step = ("", 0, "")
        self._began = 0.0
        self._first = 0

    def line(self, verb: str, done: int, total: int, unit: str, what: str = "") -> str:
        now = self._clock()
        if (verb, total, unit) != self._step:
            self._step, self._began, self._first = (verb, total, unit), now, done
        elapsed, left = now - self._began, ""
        if done > self._first and elapsed > 0:
            seconds = round((total - done) * elapsed / (done - self._first))
            left = f" · {format_duration(seconds)} left" if seconds else ""
        return f"{verb} {done:,} of {total:,} {unit}{left}{f' · {what}' if what else ''}"
