"""What is said about documents, as lines with places. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from quoth.documents.citation import bracketed
from quoth.tasks.status_text import NOT_FOUND
from quoth.text.sentences import sentences

if TYPE_CHECKING:
    from quoth.tasks.answers.events import Answered, Citation
    from quoth.tasks.collection import Collection, Span

Look = Literal["question", "said", "quote", "notice", "draft", "near"]  # "near" is a quote that may not answer


@dataclass(frozen=True, slots=True)
class Line:
    """Something said, and the stretches of the documents that it rests on, with how they are cited."""

    text: str
    look: Look = "said"
    spans: tuple[Span, ...] = ()
    cites: tuple[str, ...] = ()
    places: tuple[str, ...] = ()  # the same, short: without folders


def lines_of(answered: Answered, collection: Collection) -> Iterator[Line]:
    """An answer, and the quotes that hold it, or what comes nearest; a quote that is the answer stands once."""
    if not answered.found:
        if answered.reason != "cancelled":
            yield Line(NOT_FOUND)
        for citation in answered.nearest[:1]:
            yield near("nearest", citation, collection)
        return
    is_quote = answered.answer == " ".join(citation.quote for citation in answered.citations)
    if not is_quote:
        for line in answered.answer.splitlines():
            for start, end in sentences(line):
                yield Line(line[start:end])
    for citation in answered.citations:
        text = citation.quote if is_quote else f"“{citation.quote}”"
        yield Line(text, "quote", (citation.span,), (collection.cite(citation.span),))


def near(why: str, citation: Citation, collection: Collection) -> Line:
    """A quote that may not answer, and why it is shown."""
    return Line(f"{why}: “{citation.quote}”", "near", (citation.span,), (collection.cite(citation.span),))


def in_history(lines: Sequence[Line]) -> str:
    """An answer as the conversation keeps it: the text, and a paragraph for each quote with its place."""
    text = " ".join(line.text for line in lines if line.look == "said")
    quotes = [f"{line.text} {bracketed(line.cites)}" for line in lines if line.look == "quote"]
    return "\n\n".join(filter(None, [text, *quotes]))
