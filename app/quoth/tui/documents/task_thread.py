"""A question about documents, or a summary of them: runs in a thread, writes to the history, draws what happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

from quoth.documents.citation import bracketed
from quoth.engine import Notice
from quoth.library.document_answers import asking, quotes_only, summarizing
from quoth.library.model import Model
from quoth.tasks.answers.events import Answered, Drafted, PassagesRead, QuotesFound, ReadingPlanned
from quoth.tasks.collection import Collection
from quoth.tasks.status_text import LONG, covered, planned, reading, some_read, too_small
from quoth.tasks.summaries import summary
from quoth.text import clean
from quoth.text.progress_line import ProgressLine
from quoth.text.units import counted, format_duration
from quoth.tui.chat.open_conversation import Task
from quoth.tui.chat.running_turn import RunningTurn
from quoth.tui.documents.document_lines import Line, in_history, lines_of, near

if TYPE_CHECKING:
    from quoth.tui.documents.document_screen import DocumentScreen

REASONS = {"cancelled": "stopped", "length": "ended by the limit of tokens", "context": "the context is full"}


@dataclass(slots=True, eq=False, kw_only=True)
class RunningDocumentTask(RunningTurn):
    """A question, or what a summary should be about; the task's argument names no documents."""

    task: Task
    end: str = ""  # what was read, once it is over


class DocumentTaskThread:
    """Works on the documents of a screen with the model that `wait` returns once it is loaded."""

    def __init__(
        self, running: RunningDocumentTask, screen: DocumentScreen, wait: Callable[[Callable[[], bool]], Model | None]
    ) -> None:
        self._running = running
        self._screen = screen
        self._thread = screen.documents
        self._wait = wait
        self._progress = ProgressLine(monotonic)
        self._began = 0.0

    def run(self) -> RunningDocumentTask:
        """Never raises; what was said is in the history when it returns."""
        running = self._running
        running.finish(self._do)
        failed = running.error is not None
        text = str(running.error) if failed else " · ".join(filter(None, (REASONS.get(running.reason), running.end)))
        self._screen.call(self._screen.show_end, running, text, failed)
        return running

    def _do(self) -> str:
        running = self._running
        self._show_progress("waiting for the model")
        try:
            model = None if running.stop.is_set() else self._wait(running.stop.is_set)
            running.model_name = model.name if model is not None else ""
        finally:
            running.begin()
        if model is None:
            return "cancelled"
        self._show_progress(f"reading {', '.join(document.name for document in self._thread.documents)}")
        self._began = monotonic()
        return self._ask(model) if running.task.kind == "ask" else self._summarize(model)

    # What is shown and written

    def _show_progress(self, text: str) -> None:
        self._screen.call(self._screen.show_progress, self._running, clean(text)[0], latest=True)

    def _show_read(self, collection: Collection, *parts: int) -> None:
        self._screen.call(self._screen.show_read, self._running, [collection.span(part) for part in parts])

    def _show(self, *lines: Line) -> None:
        self._screen.call(self._screen.show_lines, self._running, [*map(self._short, lines)])

    def _show_for_now(self, *lines: Line) -> None:
        self._screen.call(self._screen.show_for_now, self._running, [*map(self._short, lines)], latest=True)

    def _short(self, line: Line) -> Line:
        """Without control codes; and without folders where the files' names tell them apart."""
        names = [document.name for document in self._thread.documents]
        short = [os.path.basename(name) or name for name in names]
        if len({*short}) < len(names):
            short = names
        numbers = {cite: span.document for cite, span in zip(line.cites, line.spans, strict=False)}
        places = [short[at] + cite.removeprefix(names[at]) for cite, at in numbers.items()]
        return replace(line, text=clean(line.text)[0], places=tuple(clean(place)[0] for place in places))

    def _notice(self, text: str) -> None:
        self._running.notices.append(text)
        self._show(Line(text, "notice"))

    def _write(self, text: str) -> None:
        running = self._running
        running.said += clean(text)[0]
        running.writer.write(running.turn, running.said, "")

    # A question

    def _ask(self, model: Model) -> str:
        running = self._running
        stopped = running.stop.is_set
        thread = self._thread
        questions = asking(model, thread.open, before=thread.asked, private=running.private, cancelled=stopped)
        if stopped():
            return "cancelled"
        found: list[Line] = []  # by the words of the question, while the model reads
        for event in questions.events(running.task.argument):
            match event:
                case QuotesFound(citations=citations) if questions.reads and citations:
                    found = [near("found by its words", citations[0], questions.collection)]
                    self._show_for_now(*found)
                    self._screen.call(self._screen.show_place, running, citations[0].span)
                case ReadingPlanned():
                    self._show_progress(reading(event))
                case PassagesRead(done, total):  # what was written about fewer of them did not hold
                    self._show_for_now(*found)
                    line = self._progress.line("reading", done, total, "passages")
                    if self._progress.moved:  # else what was planned says more
                        self._show_progress(line)
                case Drafted(text):
                    self._show_for_now(Line(text, "draft"), *found)
                    self._show_progress("writing")
                case Notice(_, text):
                    self._notice(text)
                case Answered():
                    thread.asked = questions.before
                    return self._answered(questions.collection, event)
        raise AssertionError("a question without an end")

    def _answered(self, collection: Collection, answered: Answered) -> str:
        running, read = self._running, sorted(set(answered.read))
        running.usage = answered.usage
        self._show_for_now()
        lines = [*lines_of(answered, collection)]
        self._show(*lines)
        if answered.reason == "cancelled" and not answered.found:
            return "cancelled"
        self._show_read(collection, *read)
        self._write(in_history(lines))
        unread = len(collection) - len(read)
        if not read or (unread and not answered.found):
            running.end = some_read(len(read), len(collection))
        else:
            took = format_duration(monotonic() - self._began)
            of = f"{len(read):,} of " if unread else ""
            running.end = f"read {of}{counted(len(collection), 'passages')} in {took}"
        return answered.reason

    # A summary

    def _summarize(self, model: Model) -> str:
        running = self._running
        collection = self._thread.open.parts(model)
        if running.stop.is_set():
            return "cancelled"
        extract = quotes_only(model)
        if extract:
            self._notice(too_small(model.name))
        events = summarizing(
            model,
            collection,
            summary.SummaryOptions(focus=running.task.argument),
            extract=extract,
            private=running.private,
            cancelled=running.stop.is_set,
        )
        for event in events:
            match event:
                case summary.Step(verb, done, total, unit, what):
                    self._show_progress(self._progress.line(verb, done, total, unit, what))
                case summary.Planned(seconds=seconds) if seconds > LONG:
                    self._show(Line(f"{planned(event, model.name)}; Escape stops", "notice"))
                case summary.Noted(part):
                    self._show_read(collection, part)
                case Notice(_, text):
                    self._notice(text)
                case summary.Sentence():
                    self._sentence(collection, event)
                case summary.Summarized():
                    return self._summarized(collection, event)
        return "cancelled"

    def _sentence(self, collection: Collection, sentence: summary.Sentence) -> None:
        cites = tuple(map(collection.cite, sentence.spans))
        shown = f"{sentence.before.lstrip(chr(10))}{sentence.text}".strip()
        places = f" {bracketed(dict.fromkeys(cites))}" if cites else ""
        self._write(f"{sentence.before}{sentence.text}{places}")
        self._show(Line(shown, "said", sentence.spans, cites))

    def _summarized(self, collection: Collection, end: summary.Summarized) -> str:
        running = self._running
        running.usage = end.usage
        if not end.dropped:
            self._show_read(collection, *range(len(collection)))
        if end.reason == "cancelled":
            kept = "" if running.private else "; the notes on them are kept: the same command continues from there"
            running.end = f"read {end.parts_read:,} of {end.parts:,} parts{kept}"
        else:
            running.end = covered(end, monotonic() - self._began)
        return end.reason
