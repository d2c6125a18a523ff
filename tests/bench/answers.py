"""Questions over real documents: retrieval, right answers, citations that hold, answers to what is not there.

QUOTH_BENCH_WAY=read has any model read passages, as larger ones do, and =quote has it quote. QUOTH_BENCH_EVERY=8 asks
every eighth question, QUOTH_BENCH_SET=development, =held-out or =cross-language one of the sets, the last of which is
asked in another language than the documents'. QUOTH_BENCH_VERBOSE=1 shows every answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from quoth import documents
from quoth.documents.ranking import Ranking
from quoth.engine.client.client import Client
from quoth.gguf import read_header
from quoth.tasks import model_classes
from quoth.tasks.answers.events import Answered, QuotesFound
from quoth.tasks.answers.question_answering import QuestionAnswering
from quoth.tasks.collection import Collection
from tests.bench import corpus, places, questions
from tests.bench.questions import Absent, Question, squeezed
from tests.bench.report import Figure, Floor, Report

SETS: Mapping[str, Callable[[], tuple[Sequence[Question], Sequence[Absent]]]] = {
    "development": questions.load,
    "held-out": lambda: questions.load(held_out=True),
    "cross-language": lambda: (questions.cross_language(), ()),
}
SUMS = (
    *("asked", "right", "denied", "citations", "hold", "at_place", "cites_it", "found", "absent", "invented"),
    *("evidence", "took", "tokens"),
)


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
    cites_it: int = 0  # answers whose quotes have it
    found: int = 0
    evidence: list[float] = field(default_factory=list)  # seconds to the first quote, of each question
    took: list[float] = field(default_factory=list)  # seconds to the answer
    tokens: list[int] = field(default_factory=list)  # read for it
    absent: int = 0
    invented: int = 0

    def add(self, other: Tally) -> None:
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for k in self.hits:
            self.hits[k] += other.hits[k]


@contextmanager
def desk(client: Client, name: str, class_: model_classes.ModelClass) -> Iterator[tuple[Collection, Ranking]]:
    """A document as `quoth ask` reads it."""
    document = documents.read(str(corpus.path(name)), limit=questions.LIMIT)
    collection = Collection([document], client.offsets, class_.passage, class_.passage // 6)
    with closing(Ranking()) as ranking:
        ranking.add(collection.titled_texts())
        yield collection, ranking


def ask(asking: QuestionAnswering, question: str, tally: Tally) -> Answered:
    began = time.monotonic()
    for event in asking.events(question):
        if isinstance(event, QuotesFound):
            tally.evidence.append(time.monotonic() - began)
        if isinstance(event, Answered):
            tally.took.append(time.monotonic() - began)
            tally.tokens.append(event.usage.prompt - event.usage.reused)
            return event
    raise AssertionError("a question without an end")


def judge(collection: Collection, answered: Answered, question: Question, tally: Tally) -> None:
    tally.right += answered.found and question.right(answered.answer)
    tally.denied += not answered.found
    tally.cites_it += answered.found and question.right(" ".join(each.quote for each in answered.citations))
    here = False
    for citation in answered.citations:
        document = collection.documents[citation.span.document]
        said = document.text[citation.span.start : citation.span.end]
        tally.citations += 1
        tally.hold += squeezed(citation.quote) == squeezed(said)
        place = collection.place(citation.span)
        here |= question.stands_at(place.start_line or place.page, place.end_line or place.end_page)
    tally.at_place += here


def measure(client: Client, name: str, asked: Sequence[Question], absent: Sequence[str], *, verbose: bool) -> Tally:
    class_ = model_classes.model_class(read_header(places.small_model()).distinct_parameters, client.ready().n_ctx)
    if os.environ.get("QUOTH_BENCH_WAY"):
        class_ = replace(class_, answers_by_quote=os.environ["QUOTH_BENCH_WAY"] == "quote")
    tally = Tally()
    with desk(client, name, class_) as (collection, ranking):
        asking = QuestionAnswering(client, collection, ranking, class_=class_)
        for question in asked:
            tally.asked += 1
            ranked = [one.number for one in ranking.rank(question.question, 5)]
            held = [question.held_by(collection.text(number)) for number in ranked]
            for k in tally.hits:
                tally.hits[k] += any(held[:k])
            answered = ask(asking, question.question, tally)
            tally.found += answered.found
            judge(collection, answered, question, tally)
            if verbose:
                verdict = "right" if question.right(answered.answer) else "wrong"
                print(f"{question.id}: {verdict if answered.found else 'denied'} {signals(answered)}", flush=True)
        for text in absent:
            tally.absent += 1
            answered = ask(asking, text, tally)
            tally.invented += answered.found
            if verbose:
                print(f"{'invented' if answered.found else 'refused'}: {text} {signals(answered)}", flush=True)
    return tally


def signals(answered: Answered) -> str:
    """What an answer's verdict rests on."""
    odds = ", ".join("-" if each is None else f"{each:.2f}" for each in (answered.odds, answered.source_odds))
    return f"({odds}; {len(set(answered.read))} passages): {answered.answer[:160]}"


def run(report: Report, rounds: int) -> None:
    """One round: nothing is timed against a peer."""
    client = Client(places.small_model())
    wanted = os.environ.get("QUOTH_BENCH_SET", "")
    for name in [wanted] if wanted else ["development", "held-out"]:
        tallies = {document: tally for document, tally in _each(client, *SETS[name]())}
        total = Tally()
        for tally in tallies.values():
            total.add(tally)
        suffix = "" if name == "development" else f", {name}"
        report.notes += [HEADINGS + suffix, *(line(document, tally) for document, tally in tallies.items())]
        report.notes += [line("all", total)]
        report.figures += [
            Figure(f"{figure}{suffix}", unit, [value], floor=None if suffix else floor)
            for figure, unit, value, floor in figures(total)
        ]
    client.close()


def _each(client: Client, asked: Sequence[Question], absent: Sequence[Absent]) -> Iterator[tuple[str, Tally]]:
    every = int(os.environ.get("QUOTH_BENCH_EVERY", "1"))
    asked, absent = asked[::every], absent[::every]
    for name in dict.fromkeys(question.document for question in asked):
        rows = [question for question in asked if question.document == name]
        wanted = [row.question for row in absent if row.document == name]
        yield name, measure(client, name, rows, wanted, verbose=bool(os.environ.get("QUOTH_BENCH_VERBOSE")))


def figures(t: Tally) -> Iterator[tuple[str, str, float, Floor | None]]:
    """What the floors are about."""
    asked, absent = max(t.asked, 1), max(t.absent, 1)
    least, most = partial(Floor, least=True, absolute=True), partial(Floor, absolute=True)
    for k, hits in t.hits.items():
        yield f"hit@{k}", f"of {t.asked} questions", hits / asked, least(0.85) if k == 3 else None
    yield "answers right", f"of {t.asked} questions", t.right / asked, least(0.50)
    yield "answers at a place where it stands", f"of {t.asked} questions", t.at_place / asked, None
    yield "false not in the documents", f"of {t.asked} questions", t.denied / asked, most(0.30)
    yield "answers whose quotes have it", f"of {t.found} answers", t.cites_it / max(t.found, 1), None
    yield "citations that hold", f"of {t.citations} citations", t.hold / max(t.citations, 1), least(1.0)
    yield "invented answers", f"of {t.absent} questions", t.invented / absent, most(0.15)
    yield "first quote, median", "s", median(t.evidence or [0.0]), most(1.0)
    yield "answer, median", "s", median(t.took or [0.0]), most(20.0)
    yield "tokens read, median", "tokens", median(t.tokens or [0]), None


HEADINGS = f"{'document':<28} asked  hit@1 hit@3 hit@5  right denied  cited hold  place  absent invented  s, median"


def line(name: str, t: Tally) -> str:
    """A document's row."""
    asked = max(t.asked, 1)
    hits = " ".join(f"{hits / asked:5.2f}" for hits in t.hits.values())
    return (
        f"{name:<28} {t.asked:5}  {hits}  {t.right / asked:5.2f} {t.denied / asked:6.2f}  {t.citations:5} "
        f"{t.hold / max(t.citations, 1):4.2f}  {t.at_place / asked:5.2f}  {t.absent:6} "
        f"{t.invented / max(t.absent, 1):8.2f}  {median(t.took or [0.0]):9.2f}"
    )
