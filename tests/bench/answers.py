"""Questions over real documents: retrieval, right answers, citations that hold, invented answers.

`python -m tests.bench answers [--held-out] [--write]`; QUOTH_BENCH_MODEL names another model. `--write` has the model
write answers as larger ones do.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from quoth import documents
from quoth.documents.ranking import Ranking
from quoth.engine.client import Client
from quoth.tasks import classes
from quoth.tasks.ask import Answered, Asking
from quoth.tasks.collection import Collection
from quoth.tasks.quotes import find
from tests.bench import corpus, places, questions
from tests.bench.questions import Question


@dataclass(slots=True)
class Tally:
    """What became of a document's questions."""

    asked: int = 0
    hits: dict[int, int] = field(default_factory=lambda: dict.fromkeys((1, 3, 5), 0))
    right: int = 0
    denied: int = 0  # false "not in the documents"
    citations: int = 0
    hold: int = 0
    at_place: int = 0  # answers that cite a place where the answer stands
    absent: int = 0
    invented: int = 0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        for name in ("asked", "right", "denied", "citations", "hold", "at_place", "absent", "invented", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for k in self.hits:
            self.hits[k] += other.hits[k]


@contextmanager
def desk(client: Client, name: str, class_: classes.ModelClass) -> Iterator[tuple[Collection, Ranking]]:
    """A document as `quoth ask` reads it."""
    document = documents.read(str(corpus.path(name)), limit=questions.LIMIT)
    collection = Collection([document], client.offsets, class_.passage, class_.passage // 6)
    with Ranking() as ranking:
        ranking.add(collection.titled_texts())
        yield collection, ranking


def ask(asking: Asking, question: str) -> Answered:
    *_, last = asking.events(question)
    assert isinstance(last, Answered)
    return last


def judge(collection: Collection, answered: Answered, question: Question, tally: Tally) -> None:
    tally.right += answered.found and question.right(answered.answer)
    tally.denied += not answered.found
    here = False
    for citation in answered.citations:
        document = collection.documents[citation.span.document]
        said = document.text[citation.span.start : citation.span.end]
        tally.citations += 1
        tally.hold += find(citation.quote, said) is not None
        place = collection.place(citation.span)
        here |= question.stands_at(place.start_line or place.page, place.end_line or place.end_page)
    tally.at_place += here


def measure(client: Client, name: str, asked: Sequence[Question], absent: Sequence[str], *, verbose: bool) -> Tally:
    class_ = classes.model_class(client.ready().n_params)
    tally = Tally()
    with desk(client, name, class_) as (collection, ranking):
        asking = Asking(client, collection, ranking)
        began = time.monotonic()
        for question in asked:
            tally.asked += 1
            ranked = [one.number for one in ranking.rank(question.question, 5)]
            held = [question.held_by(collection.text(number)) for number in ranked]
            for k in tally.hits:
                tally.hits[k] += any(held[:k])
            answered = ask(asking, question.question)
            judge(collection, answered, question, tally)
            if verbose:
                verdict = "right" if question.right(answered.answer) else "wrong"
                print(f"{question.id}: {verdict if answered.found else 'denied'}: {answered.answer[:200]}")
        for text in absent:
            tally.absent += 1
            answered = ask(asking, text)
            tally.invented += answered.found
            if verbose and answered.found:
                print(f"invented: {text} {answered.answer[:200]}")
        tally.seconds = time.monotonic() - began
    return tally


def main(arguments: Sequence[str] = ()) -> None:
    """Print the table."""
    verbose = "-v" in arguments
    asked, absent = questions.load()
    if "--write" in arguments:  # as a larger model is asked
        classes.CLASSES = tuple(replace(row, answers_by_quote=False) for row in classes.CLASSES)
    by_document: dict[str, list[Question]] = defaultdict(list)
    for question in asked:
        by_document[question.document].append(question)
    client = Client(places.bench_model())
    total = Tally()
    print(f"{'document':<28} asked  hit@1 hit@3 hit@5  right denied  cited hold  place  absent invented  s/question")
    for name, rows in by_document.items():
        wanted = [row.question for row in absent if row.document == name]
        tally = measure(client, name, rows, wanted, verbose=verbose)
        total.add(tally)
        print(line(name, tally), flush=True)
    print(line("all", total))
    client.close()


def line(name: str, t: Tally) -> str:
    hits = " ".join(f"{t.hits[k] / t.asked:5.2f}" for k in t.hits)
    return (
        f"{name:<28} {t.asked:5}  {hits}  {t.right / t.asked:5.2f} {t.denied / t.asked:6.2f}  {t.citations:5} "
        f"{t.hold / max(t.citations, 1):4.2f}  {t.at_place / t.asked:5.2f}  {t.absent:6} "
        f"{t.invented / max(t.absent, 1):8.2f}  {t.seconds / max(1, t.asked + t.absent):10.2f}"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
