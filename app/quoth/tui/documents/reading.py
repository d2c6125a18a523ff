"""A question about documents, or a summary of them: runs in a thread, writes to the history, posts what happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from textual.message import Message as TextualMessage

from quoth.engine import Engine, Notice
from quoth.tasks.status_text import LONG, covered, minutes, planned, too_small
from quoth.text import clean
from quoth.tui.documents.document_lines import Line, ProgressLine, in_history, lines_of
from quoth.tui.history_writer import HistoryWriter
from quoth.tui.work import TurnEnded, Work, finished

if TYPE_CHECKING:
    from quoth.tasks.collection import Collection, Span
    from quoth.tasks.question_answering import Answered
    from quoth.tasks.summaries.part_notes import NotesCache
    from quoth.tasks.summaries.summarizer import Event, Planned, Sentence, Summarized
    from quoth.tui.documents.open_documents import DocumentThread

Kind = Literal["ask", "summarize"]
REASONS = {"cancelled": "stopped", "length": "ended by the limit of tokens", "context": "the context is full"}


@dataclass
class Progressed(TextualMessage):
    """How far the work is: "reading 3 of 42 parts · 12 s left"."""

    job: ReadingJob
    text: str

    def can_replace(self, message: TextualMessage) -> bool:
        return isinstance(message, Progressed)


@dataclass
class SpansRead(TextualMessage):
    """These stretches were read by now."""

    job: ReadingJob
    spans: tuple[Span, ...]


@dataclass
class LinesAdded(TextualMessage):
    """Lines that came since the last ones."""

    job: ReadingJob
    lines: tuple[Line, ...]


@dataclass
class TaskEnded(TextualMessage):
    """The work is over; `text` says what was read, or what went wrong."""

    job: ReadingJob
    text: str
    failed: bool


@dataclass(slots=True, eq=False, kw_only=True)
class ReadingJob(Work):
    """A question, or what a summary should be about."""

    kind: Kind
    text: str
    notes: NotesCache | None
    model_key: Callable[[], str]
    end: str = ""  # what was read, once it is over
    notices: list[str] = field(default_factory=list)


class Reader:
    """Does the work of a job on a desk with the engine that `engine` returns once it is loaded."""

    def __init__(
        self,
        desk: DocumentThread,
        engine: Callable[[Callable[[], bool]], Engine | None],
        keeper: HistoryWriter,
        post: Callable[[TextualMessage], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._wait_for_engine = engine
        self._keeper = keeper
        self._post = post
        self._clock = clock
        self._pace = ProgressLine(clock)

    def run(self, job: ReadingJob) -> TurnEnded:
        """Never raises; what was said is in the history when it returns."""
        ended = finished(job, self._keeper, lambda notices: self._do(job, notices))
        failed = ended.error is not None
        text = str(ended.error) if failed else " · ".join(filter(None, (REASONS.get(ended.reason), job.end)))
        self._post(TaskEnded(job, text, failed))
        return ended

    def _do(self, job: ReadingJob, notices: list[str]) -> str:
        job.notices = notices
        engine = None
        try:
            if not self._is_ready(job):
                return "cancelled"
            engine = self._wait_for_engine(job.stop.is_set)
            job.model = engine.info.name if engine is not None else ""
        finally:
            job.begin()
        if engine is None:
            return "cancelled"
        self._say(job, f"reading {', '.join(document.name for document in self._desk.documents)}")
        began = self._clock()
        return self._ask(engine, job, began) if job.kind == "ask" else self._summarize(engine, job, began)

    def _is_ready(self, job: ReadingJob) -> bool:
        self._say(job, "waiting for the model")
        return not job.stop.is_set()

    def _say(self, job: ReadingJob, text: str) -> None:
        self._post(Progressed(job, clean(text)[0]))

    def _tell(self, job: ReadingJob, *lines: Line) -> None:
        """Show lines, and write down what of them is the answer."""
        self._post(LinesAdded(job, tuple(map(self._shown, lines))))

    def _shown(self, line: Line) -> Line:
        """Without control codes; and without folders where the files' names tell them apart."""
        names = [document.name for document in self._desk.documents]
        short = [os.path.basename(name) or name for name in names]
        if len({*short}) < len(names):
            short = names
        numbers = {cite: span.document for cite, span in zip(line.cites, line.spans, strict=False)}
        places = [short[at] + cite.removeprefix(names[at]) for cite, at in numbers.items()]
        return replace(line, text=clean(line.text)[0], places=tuple(clean(place)[0] for place in places))

    def _notice(self, job: ReadingJob, text: str) -> None:
        job.notices.append(text)
        self._tell(job, Line(text, "notice"))

    def _write(self, job: ReadingJob, text: str) -> None:
        job.said += clean(text)[0]
        self._keeper.write(job.turn, job.said, "")

    # A question

    def _ask(self, engine: Engine, job: ReadingJob, began: float) -> str:
        from quoth.tasks.question_answering import Answered, PassagesRead, QuestionAnswering

        collection, ranking = self._desk.passages(engine, job.private)
        if job.stop.is_set():
            return "cancelled"
        asking = QuestionAnswering(engine, collection, ranking, keep=not job.private, cancelled=job.stop.is_set)
        for event in asking.events(job.text):
            match event:
                case PassagesRead(done, total):
                    self._say(job, self._pace.line("reading", done, total, "passages"))
                case Notice(_, text):
                    self._notice(job, text)
                case Answered():
                    return self._answered(job, collection, event, began)
        raise AssertionError("a question without an end")

    def _answered(self, job: ReadingJob, collection: Collection, answered: Answered, began: float) -> str:
        job.usage = answered.usage
        read = sorted(set(answered.read))
        if answered.reason == "cancelled" and not answered.found:
            return "cancelled"
        self._post(SpansRead(job, tuple(map(collection.span, read))))
        lines = [*lines_of(answered, collection)]
        self._write(job, in_history(lines))
        self._tell(job, *lines)
        unread = len(collection) - len(read)
        if not read:
            job.end = f"none of {len(collection):,} passages has a word of the question"
        elif not answered.found and unread:
            job.end = f"{len(read):,} passages that rank best were read, {unread:,} were not"
        else:
            job.end = f"read {len(read):,} of {len(collection):,} passages in {minutes(self._clock() - began)}"
        return answered.reason

    # A summary

    def _summarize(self, engine: Engine, job: ReadingJob, began: float) -> str:
        from quoth.tasks.model_classes import model_class
        from quoth.tasks.summaries import summarizer as task

        collection = self._desk.parts(engine)
        if job.stop.is_set():
            return "cancelled"
        wish = task.SummaryOptions(focus=job.text)
        if model_class(engine.info.n_params).extracts:
            self._notice(job, too_small(engine.info.name))
            events = _until(job.stop.is_set, task.by_extract(collection, wish))
        else:
            events = task.Summarizer(
                engine,
                collection,
                wish,
                kept=job.notes,
                model=job.model_key(),
                keep=not job.private,
                cancelled=job.stop.is_set,
            ).events()
        for event in events:
            match event:
                case task.Step(verb, done, total, unit, what):
                    self._say(job, self._pace.line(verb, done, total, unit, what))
                case task.Planned():
                    self._plan(engine, job, event)
                case task.Noted(part):
                    self._post(SpansRead(job, (collection.span(part),)))
                case Notice(_, text):
                    self._notice(job, text)
                case task.Sentence():
                    self._sentence(job, collection, event)
                case task.Summarized():
                    return self._summarized(job, collection, event, began)
        return "cancelled"

    def _plan(self, engine: Engine, job: ReadingJob, plan: Planned) -> None:
        if plan.seconds > LONG:
            self._tell(job, Line(f"{planned(plan, engine.info.name)}; Escape stops", "notice"))

    def _sentence(self, job: ReadingJob, collection: Collection, sentence: Sentence) -> None:
        cites = tuple(map(collection.cite, sentence.spans))
        shown = f"{sentence.before.lstrip(chr(10))}{sentence.text}".strip()
        places = f" [{'; '.join(dict.fromkeys(cites))}]" if cites else ""
        self._write(job, f"{sentence.before}{sentence.text}{places}")
        self._tell(job, Line(shown, "said", sentence.spans, cites))

    def _summarized(self, job: ReadingJob, collection: Collection, end: Summarized, began: float) -> str:
        job.usage = end.usage
        if not end.dropped:
            self._post(SpansRead(job, tuple(map(collection.span, range(len(collection))))))
        if end.reason == "cancelled":
            kept = "; the notes on them are kept: the same command goes on from there"
            job.end = f"read {end.parts_read:,} of {end.parts:,} parts{kept if job.notes is not None else ''}"
            return end.reason
        job.end = covered(end, self._clock() - began)
        return end.reason


def _until(stopped: Callable[[], bool], events: Iterator[Event]) -> Iterator[Event]:
    """The events before a stop."""
    for event in events:
        if stopped():
            return
        yield event
