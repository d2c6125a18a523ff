"""The measured questions: what is asked of which document, what a right answer is, and where it stands.

A second set, over the same documents, is held out: nothing is tuned to it and its wording stays as it was written.
A third is asked in another language than the document's, and its patterns take the answer in either.
`python -m tests.bench.questions` fetches the documents, looks every quote of all up in them and prints the counts.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench import corpus

FOLDER = Path(__file__).parent / "questions"
HELD_OUT = FOLDER / "held-out"
CROSS_LANGUAGE = FOLDER / "cross-language.toml"
LIMIT = 10_000_000  # bytes; the most of a document that is read
NEIGHBOURHOOD = 400  # characters without white space on either side of a quote


@dataclass(frozen=True, slots=True)
class Question:
    """A question that its document answers.

    `places` are the first and last line of the file, for a PDF the pages, of `quote` and of each of `also`.
    """

    id: str
    document: str  # a name of corpus.DOCUMENTS
    question: str
    answer: str  # for people; the pattern decides
    pattern: str  # found in a right answer, whatever the case; a wrong one hardly has it
    quote: str  # verbatim, white space folded
    also: tuple[str, ...]  # other stretches that hold the answer too
    places: tuple[tuple[int, int], ...]

    def right(self, answer: str) -> bool:
        """Whether an answer says the right thing; a line break in it is a space, and nothing in Chinese."""
        folded = " ".join(answer.split())
        joined = re.sub(r"(?<=[^\x00-\x7f]) (?=[^\x00-\x7f])", "", folded)
        return any(re.search(self.pattern, text, re.IGNORECASE) for text in (folded, joined))

    def stands_at(self, start: int, end: int) -> bool:
        """Whether lines (pages of a PDF) overlap a place where the answer stands."""
        return any(start <= last and first <= end for first, last in self.places)

    def held_by(self, text: str) -> bool:
        """Whether a passage has one of the quotes, white space aside."""
        bare = squeezed(text)
        return any(squeezed(quote) in bare for quote in (self.quote, *self.also))


@dataclass(frozen=True, slots=True)
class Absent:
    """A question that its document does not answer: none of `terms` (patterns) is in it."""

    id: str
    document: str
    question: str
    near: bool  # about the document's own subject
    terms: tuple[str, ...]


def squeezed(text: str) -> str:
    """A text without white space: how texts are compared whose lines break anywhere, Chinese ones too."""
    return "".join(text.split())


@cache
def load(held_out: bool = False) -> tuple[tuple[Question, ...], tuple[Absent, ...]]:
    """Every question of every file of one set, in the order of the documents."""
    folder = HELD_OUT if held_out else FOLDER
    questions: list[Question] = []
    absent: list[Absent] = []
    for document in corpus.DOCUMENTS:
        path = folder / f"{document.name}.toml"
        if path.exists():
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            questions += [_question(row, document.name) for row in data["question"]]
            absent += [_absent(document.name, row) for row in data["absent"]]
    return tuple(questions), tuple(absent)


def both() -> tuple[tuple[Question, ...], tuple[Absent, ...]]:
    """The questions of both sets, those that are held out behind."""
    (questions, absent), (held_questions, held_absent) = load(), load(held_out=True)
    return questions + held_questions, absent + held_absent


@cache
def cross_language() -> tuple[Question, ...]:
    """The questions asked in another language than their document's; all have an answer."""
    data = tomllib.loads(CROSS_LANGUAGE.read_text(encoding="utf-8"))
    return tuple(_question(row, row.pop("document")) for row in data["question"])


def _question(row: dict[str, Any], document: str) -> Question:
    places = tuple((first, last) for first, last in row.pop("places"))
    return Question(document=document, places=places, also=tuple(row.pop("also", ())), **row)


def _absent(document: str, row: dict[str, Any]) -> Absent:
    return Absent(document=document, terms=tuple(row.pop("terms")), **row)


class Squeezed:
    """A document's text without white space, and the offset in the text of each character that is left."""

    def __init__(self, text: str) -> None:
        self.offsets = [offset for offset, character in enumerate(text) if not character.isspace()]
        self.text = "".join(text.split())

    def find(self, quote: str) -> tuple[int, int] | None:
        """Where a quote begins and ends in the text without white space."""
        bare = squeezed(quote)
        start = self.text.find(bare)
        return (start, start + len(bare)) if start >= 0 else None


def faults(
    question: Question, text: Squeezed, place: Callable[[int, int], tuple[int, int]], around: Callable[[int, int], str]
) -> list[str]:
    """What is wrong with a question: a quote that is not in the text or stands elsewhere, a pattern that is not near.

    `place` gives the lines or pages, `around` the words near a stretch, both by offsets in the text.
    """
    found = [text.find(quote) for quote in (question.quote, *question.also)]
    missing = [
        f"not in the document: {quote}"
        for quote, at in zip((question.quote, *question.also), found, strict=True)
        if at is None
    ]
    stretches = [(text.offsets[at[0]], text.offsets[at[1] - 1] + 1) for at in found if at]
    elsewhere = [
        f"stands at {place(*stretch)}, not {recorded}"
        for stretch, recorded in zip(stretches, question.places, strict=False)
        if not (place(*stretch)[0] <= recorded[1] and recorded[0] <= place(*stretch)[1])
    ]
    near = any(question.right(around(*stretch)) for stretch in stretches)
    return missing + elsewhere + ([] if near else [f"the pattern is not near the quote: {question.pattern}"])


def check(name: str) -> list[str]:
    """The faults of a document's questions of all sets, by the reader that the app reads it with."""
    from quoth import documents

    document = documents.read(str(corpus.path(name)), limit=LIMIT)
    whole = str(document.text)
    text = Squeezed(whole)

    def place(start: int, end: int) -> tuple[int, int]:
        at = document.place(start, end)
        return (at.page, at.end_page) if at.page else (at.start_line, at.end_line)

    def around(start: int, end: int) -> str:
        return " ".join(whole[max(0, start - NEIGHBOURHOOD) : end + NEIGHBOURHOOD].split())

    questions, absent = both()
    asked = [row for row in (*questions, *cross_language()) if row.document == name]
    lines = [f"{row.id}: {fault}" for row in asked for fault in faults(row, text, place, around)]
    folded = " ".join(whole.split())
    for row in absent:
        present = [term for term in row.terms if re.search(term, folded, re.IGNORECASE)] if row.document == name else []
        lines += [f"{row.id}: {term} is in the document" for term in present]
    return lines


def table(held_out: bool = False) -> list[tuple[str, str, str, int, int, int]]:
    """Name, kind, language, answered, absent and near its subject, absent and far from it; a row for the sum."""
    questions, absent = load(held_out)
    answered = Counter(row.document for row in questions)
    near = Counter(row.document for row in absent if row.near)
    far = Counter(row.document for row in absent if not row.near)
    rows = [
        (row.name, row.kind, row.language, answered[row.name], near[row.name], far[row.name])
        for row in corpus.DOCUMENTS
        if answered[row.name]
    ]
    return [*rows, ("sum", "", "", answered.total(), near.total(), far.total())]


def _print(rows: Sequence[Sequence[object]]) -> None:
    heading = ("document", "kind", "language", "questions", "absent, near", "absent, far")
    widths = [max(len(str(row[column])) for row in (heading, *rows)) for column in range(len(heading))]
    for row in (heading, *rows):
        print("  ".join(str(value).ljust(width) for value, width in zip(row, widths, strict=True)).rstrip())


def main() -> int:
    names = list(dict.fromkeys(row.document for row in both()[0]))
    lines = [line for name in names for line in check(name)]
    _print(table())
    print("\nheld out")
    _print(table(held_out=True))
    print(f"\n{len(cross_language())} asked in another language than the document's")
    for line in lines:
        print(line, file=sys.stderr)
    print(f"{len(lines)} faults in {len(names)} documents", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
