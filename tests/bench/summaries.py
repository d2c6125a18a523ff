"""Summaries of real documents against three baselines, and the map step against the obvious loop.

QUOTH_BENCH_WAYS=lead,extract leaves the ways out in which the model writes, which take minutes;
QUOTH_BENCH_WRITTEN=debian-faq.txt names the documents that it writes about. Every way has the same number of words.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quoth import documents
from quoth.chat import Attachment, user_message
from quoth.engine import Chat, Engine, Piece, Request, Usage
from quoth.engine.client.client import Client
from quoth.tasks.collection import Collection
from quoth.tasks.model_classes import model_class
from quoth.tasks.summaries import part_notes
from quoth.tasks.summaries.extractive_summary import summarize_by_extract
from quoth.tasks.summaries.summarizer import Summarizer
from quoth.tasks.summaries.summary import Sentence, Summarized, SummaryOptions
from quoth.tasks.support import SourceText, invented, names, numbers, support, supporting_sources
from quoth.text.sentences import sentences
from tests.bench import corpus, places, questions
from tests.bench.loop import Chats, obvious_loop
from tests.bench.report import Figure, Floor, Report, alternate, living

DOCUMENTS = ("project-history.txt", "debian-faq.txt", "holmes.txt", "GPL-3")
WRITTEN = os.environ.get("QUOTH_BENCH_WRITTEN", "GPL-3").split(",")  # by the model: minutes each
WORDS = 150
SUPPORTED = 0.6  # share of a sentence's content words that the document has, all names and numbers included
MAPPED = 6  # parts of the map step that are timed


@dataclass(frozen=True, slots=True)
class Judged:
    """What a summary is worth: shares, but for the inventions."""

    sections: float  # of the sections that so many sentences could be about, those that they are about
    supported: float
    invented: int  # names and numbers that the document does not have
    words: int
    seconds: float

    def row(self, document: str, way: str) -> str:
        return (
            f"{document:<20} {way:<10} {self.sections:8.2f} {self.supported:9.2f} {self.invented:8} "
            f"{self.words:5} {self.seconds:8.1f} s"
        )


HEADINGS = f"{'document':<20} {'way':<10} {'sections':>8} {'supported':>9} {'invented':>8} {'words':>5} {'time':>8}"


def run(report: Report, rounds: int) -> None:
    client = Client(places.small_model())
    class_ = model_class(client.ready().n_params)
    ways = os.environ.get("QUOTH_BENCH_WAYS", "lead,extract,truncated,written").split(",")
    report.notes.append(HEADINGS)
    for name in DOCUMENTS:
        document = documents.read(str(corpus.path(name)), limit=questions.LIMIT)
        collection = Collection([document], client.offsets, class_.part)
        for way in ways:
            if way in ("truncated", "written") and name not in WRITTEN:
                continue
            began = time.monotonic()
            text = WAYS[way](client, collection)
            judged = judge(text, collection, time.monotonic() - began)
            report.notes.append(judged.row(name, way))
    client.close()
    if "written" in ways:
        report.figures += map_step(report, rounds)


def lead(engine: Engine, collection: Collection) -> str:
    """The first words."""
    return " ".join(str(collection.documents[0].text).split()[:WORDS])


def extracted(engine: Engine, collection: Collection) -> str:
    return "\n".join(
        event.text for event in summarize_by_extract(collection, SummaryOptions(WORDS)) if isinstance(event, Sentence)
    )


def written(engine: Engine, collection: Collection) -> str:
    said: list[str] = []
    for event in Summarizer(engine, collection, SummaryOptions(WORDS)).events():
        if isinstance(event, Sentence):
            said.append(event.text)
        if isinstance(event, Summarized):
            assert event.dropped == 0
    return "\n".join(said)


def truncated(engine: Engine, collection: Collection) -> str:
    """The same model on as much of the text as fits its context, and nothing checked."""
    document = collection.documents[0]
    whole = str(document.text)
    room = engine.info.n_ctx - 600
    ends = engine.offsets(whole[: room * 8])
    text = whole[: ends[min(room, len(ends)) - 1]]
    message = user_message(f"Write a summary of the text in about {WORDS} words.", [Attachment(document.name, text)])
    request = Request(Chat((message,)), part_notes.SAMPLING, WORDS * 2)
    return "".join(event.text for event in engine.generate([request]) if isinstance(event, Piece))


WAYS: dict[str, Callable[[Engine, Collection], str]] = {
    "lead": lead,
    "extract": extracted,
    "truncated": truncated,
    "written": written,
}


def judge(text: str, collection: Collection, seconds: float) -> Judged:
    """Hold a summary against the whole document, whoever wrote it."""
    document = collection.documents[0]
    whole = SourceText.of(str(document.text))
    spans = [(number, SourceText.of(piece)) for number, piece in enumerate(_sections(collection))]
    said = [part for a, b in sentences(text) if len((part := text[a:b]).split()) >= 4]
    about = {found[0] for sentence in said if (found := supporting_sources(sentence, spans, 1))}
    bad = [n for n in numbers(text) if n not in whole.numbers] + [n for n in names(text) if invented(n, whole)]
    supported = sum(support(sentence, whole) >= SUPPORTED for sentence in said)
    possible = max(1, min(len(spans), len(said)))
    return Judged(len(about) / possible, supported / max(len(said), 1), len(bad), len(text.split()), seconds)


def _sections(collection: Collection) -> Iterator[str]:
    """The document's sections, or its parts where it has none."""
    document = collection.documents[0]
    starts = [heading.start for heading in document.headings if heading.level <= 1]
    if len(starts) < 4:
        yield from collection.texts()
        return
    for start, end in zip(starts, [*starts[1:], len(document.text)], strict=True):
        if re.search(r"\w{4}", document.text[start:end]):
            yield document.text[start:end]


def map_step(report: Report, rounds: int) -> list[Figure]:
    """Notes on the first parts of a text: ours in one call, and the loop that one would write, in turn."""
    client = Client(places.small_model())
    class_ = model_class(client.ready().n_params)
    document = documents.read(str(corpus.path("debian-faq.txt")), limit=questions.LIMIT)
    collection = Collection([document], client.offsets, class_.part)
    asked = [part_notes.about_part(collection.text(n), "text", "", class_.note) for n in range(2, 2 + MAPPED)]
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

    with obvious_loop(places.small_model(), n_ctx=class_.part + class_.note + 512) as loop:
        ours()  # what the loop writes is as long
        peers = living(report, {"quoth": ours, "library": lambda: theirs(loop)})
        results = alternate(peers, max(2, rounds // 2))
    client.close()
    read = sum(usage.prompt - usage.reused for usage in written.values()) / tokens
    return [
        Figure(f"notes on {MAPPED} parts", "s", results["quoth"], results.get("library", ()), "library", Floor(1.0)),
        Figure("tokens read in the map step, of the text's", "times", [read], floor=Floor(1.15, absolute=True)),
    ]
