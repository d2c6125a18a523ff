"""Summaries of stretches of real documents in five languages, in every way there is to make them.

QUOTH_BENCH_WAYS=lead,extract leaves the ways out in which the model writes, which take minutes;
QUOTH_BENCH_WRITTEN=zh-ssh,de names the stretches that are summarized. Every way has the same number of words.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quoth import documents
from quoth.engine import Engine, Usage
from quoth.engine.client.client import Client
from quoth.tasks.collection import Collection
from quoth.tasks.model_classes import CLASSES, ModelClass, model_class
from quoth.tasks.summaries import part_notes
from quoth.tasks.summaries.descriptions import content_of
from quoth.tasks.summaries.extractive_summary import summarize_by_extract
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Sentence, SummaryOptions
from quoth.tasks.support import SourceText, invented, names, numbers, support, supporting_sources
from quoth.text.languages import is_in
from quoth.text.sentences import sentences
from quoth.text.words import content_terms, count_words, weak_terms
from tests.bench import corpus, places, questions
from tests.bench.loop import Chats, obvious_loop
from tests.bench.report import Figure, Floor, Report, alternate, living
from tests.bench.summary_texts import BY_NAME, Stretch

WORDS = 150
SUPPORTED = 0.6  # share of a sentence's content words that the document has, all names and numbers included
SECTION = 400  # tokens of what counts as one place of a text
MAPPED = 6  # parts of the map step that are timed


@dataclass(frozen=True, slots=True)
class Judged:
    """What a summary is worth: shares, but for the inventions."""

    sections: float  # of the stretches of the text that so many sentences could be about, those that they are about
    supported: float
    said: float  # facts in 100 words: different content words, names and numbers that the text has too
    invented: tuple[str, ...]  # names and numbers that the document does not have
    right_language: bool
    words: int
    seconds: float

    def row(self, stretch: str, way: str) -> str:
        return (
            f"{stretch:<12} {way:<8} {self.sections:8.2f} {self.supported:9.2f} {self.said:6.1f} "
            f"{len(self.invented):8} {'yes' if self.right_language else 'NO':>8} {self.words:5} {self.seconds:7.1f} s"
            f"{'  ' + ', '.join(self.invented) if self.invented else ''}"
        )


HEADINGS = (
    f"{'stretch':<12} {'way':<8} {'sections':>8} {'supported':>9} {'said':>6} {'invented':>8} {'language':>8} "
    f"{'words':>5} {'time':>9}"
)


def run(report: Report, rounds: int) -> None:
    client = Client(places.model_or("smollm2-135m"))
    class_ = model_class(client.ready().n_params)
    usual = "lead,extract" if class_.extracts else "extract,written"
    ways = os.environ.get("QUOTH_BENCH_WAYS", usual).split(",")
    report.notes.append(HEADINGS)
    found: dict[str, list[Judged]] = {way: [] for way in ways}
    for name in os.environ.get("QUOTH_BENCH_WRITTEN", ",".join(BY_NAME)).split(","):
        for way in ways:
            judged, _ = measured(client, BY_NAME[name], way)
            found[way].append(judged)
            report.notes.append(judged.row(name, way))
    report.figures += [figure for way, rows in found.items() for figure in totals(way, rows)]
    client.close()
    if "mapped" in ways:
        report.figures += map_step(report, rounds)


def totals(way: str, rows: Sequence[Judged]) -> list[Figure]:
    """What a way is worth over all stretches."""
    ours = way != "lead"  # which shows what little is worth
    none = Floor(0, absolute=True) if ours else None
    all_ = Floor(1, least=True, absolute=True) if ours else None
    return [
        Figure(f"{way}: invented names and numbers", "", [sum(len(row.invented) for row in rows)], floor=none),
        Figure(f"{way}: in the right language", "share", [sum(r.right_language for r in rows) / len(rows)], floor=all_),
        Figure(f"{way}: said in 100 words", "facts", [row.said for row in rows]),
        Figure(f"{way}: sections covered", "share", [row.sections for row in rows]),
        Figure(f"{way}: supported", "share", [row.supported for row in rows]),
        Figure(f"{way}: time", "s", [row.seconds for row in rows]),
    ]


def measured(engine: Engine, stretch: Stretch, way: str) -> tuple[Judged, str]:
    """A summary of a stretch in one of WAYS, and what it is worth."""
    measures = WRITING[way] if way in WRITING else model_class(engine.info.n_params)
    collection = Collection([stretch.read()], engine.offsets, measures.part)
    began = time.monotonic()
    if way == "lead":
        text = " ".join(str(collection.documents[0].text).split()[:WORDS])
    elif way == "extract":
        events = summarize_by_extract(collection, SummaryOptions(WORDS))
        text = "\n".join(event.text for event in events if isinstance(event, Sentence))
    else:
        events = Summarizer(engine, collection, SummaryOptions(WORDS), measures=measures).events()
        text = "\n".join(event.text for event in events if isinstance(event, Sentence))
    return judge(text, engine, collection, stretch.language, time.monotonic() - began), text


SMALL = next(row for row in CLASSES if row.name == "small")
# The ways in which a model writes, whatever its class: facts of each part, prose in one pass, prose of the facts.
WRITING: dict[str, ModelClass] = {
    "facts": replace(SMALL, facts=True),
    "prose": replace(SMALL, facts=False),
    "passes": replace(SMALL, facts=False, one_pass=False),
}


def judge(text: str, engine: Engine, collection: Collection, language: str, seconds: float) -> Judged:
    """Hold a summary against the whole document, whoever wrote it."""
    whole = SourceText.of(str(collection.documents[0].text))
    places_ = Collection(collection.documents, engine.offsets, SECTION)
    spans = [(number, SourceText.of(piece)) for number, piece in enumerate(places_.texts())]
    told = [part for a, b in sentences(text) if count_words(part := text[a:b]) >= 4]
    about = {found[0] for sentence in told if (found := supporting_sources(sentence, spans, 1))}
    bad = [n for n in numbers(text) if n not in whole.numbers]
    bad += [n for sentence in told for n in names(sentence, whole.capitals) if invented(n, whole)]
    supported = sum(support(sentence, whole) >= SUPPORTED for sentence in told)
    words = count_words(text)
    return Judged(
        len(about) / max(1, min(len(spans), len(told))),
        supported / max(len(told), 1),
        100 * len(facts(told, whole)) / max(words, 1),
        tuple(dict.fromkeys(bad)),
        bool(text) and is_in(text, language),
        words,
        seconds,
    )


def facts(told: Sequence[str], whole: SourceText) -> set[str]:
    """What sentences say that a text says: their content words, unless they only describe the text."""
    found = (term for sentence in told if content_of(sentence) for term in content_terms(sentence))
    return {term for term in found if term in whole.terms and term not in weak_terms()}


def map_step(report: Report, rounds: int) -> list[Figure]:
    """Notes on the first parts of a text: ours in one call, and the loop that one would write, in turn."""
    client = Client(places.model_or("smollm2-135m"))
    class_ = model_class(client.ready().n_params)
    document = documents.read(str(corpus.path("debian-faq.txt")), limit=questions.LIMIT)
    collection = Collection([document], client.offsets, class_.part)
    asked = [part_notes.about_part(collection.text(n), "text", class_.note, count=3) for n in range(2, 2 + MAPPED)]
    tokens = sum(collection.sizes[2 : 2 + MAPPED])
    written: dict[int, Usage] = {}

    def ours() -> float:
        began = time.monotonic()
        for event in part_notes.NoteTaker(client, part_notes.NoCache(), "").write(asked):
            if isinstance(event, part_notes.NotesWritten) and event.usage is not None:
                written[event.number] = event.usage
        return time.monotonic() - began

    def theirs(loop: Callable[[Chats], float]) -> float:
        """As many tokens for each part as ours had."""
        chats = [
            ([{"role": message.role, "content": message.text} for message in one.messages], written[number].generated)
            for number, one in enumerate(asked)
        ]
        return loop(chats)

    with obvious_loop(places.model_or("smollm2-135m"), n_ctx=class_.part + class_.note + 512) as loop:
        ours()  # what the loop writes is as long
        peers = living(report, {"quoth": ours, "library": lambda: theirs(loop)})
        results = alternate(peers, max(2, rounds // 2))
    client.close()
    read = sum(usage.prompt - usage.reused for usage in written.values()) / tokens
    return [
        Figure(f"notes on {MAPPED} parts", "s", results["quoth"], results.get("library", ()), "library", Floor(1.0)),
        Figure("tokens read in the map step, of the text's", "times", [read], floor=Floor(1.15, absolute=True)),
    ]
