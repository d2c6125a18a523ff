"""Notes merged in a tree until they fit what is read at once: order kept, places kept, nothing invented on the way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from quoth.chat import Attachment, Message, user_message
from quoth.engine import Notice, Usage
from quoth.tasks.summaries.part_notes import Note, NoteProgress, NoteRequest, NotesWritten, NoteTaker
from quoth.tasks.summaries.summary import Step
from quoth.tasks.support import SourceText, supported_lines, supporting_sources

SYSTEM = (
    "You are given notes on consecutive parts of one text. Write the most important of them again as a shorter list, "
    "in the same order, each on a line of its own, as a numbered list. Keep names, numbers and dates exactly."
)
LEAST, MOST = 0.25, 0.5  # share of the notes of a group that a merge leaves


def merge(
    taker: NoteTaker, found: list[Note], limit: int, *, language: str, support: float, spend: Callable[[Usage], None]
) -> Generator[Step | Notice, None, list[Note]]:
    """Fewer notes, of at most `limit` tokens together if there are two or more; all of them after a cancel.

    How many are merged at once, and how much is left of them, comes from their measured sizes. `support` is the share
    of a line's words that its notes must have; `spend` gets what each merge costs.
    """
    engine = taker.engine
    sizes = engine.count([note.text for note in found]) if found else []
    while sum(sizes) + len(sizes) > limit and len(found) > 1:
        groups = grouped(sizes, max(limit // 2, 1))
        share = max(LEAST, min(MOST, limit / (sum(sizes) + 1)))
        requests = [_request(found[a:b], sum(sizes[a:b]), share, language) for a, b in groups]
        merged: dict[int, list[Note]] = {}
        for event in taker.write(requests):
            match event:
                case NoteProgress(number):
                    yield Step("merging", number, len(groups), "groups of notes")
                case NotesWritten(number, text, usage):
                    a, b = groups[number]
                    merged[number] = _merged(found[a:b], text, share, support)
                    if usage is not None:
                        spend(usage)
                case Notice():
                    yield event
        if taker.cancelled():
            return found
        found = [note for number in sorted(merged) for note in merged[number]]
        sizes = engine.count([note.text for note in found])
    return found


def grouped(sizes: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Consecutive notes of at most `limit` tokens together, at least two where there are two: (start, end)."""
    groups: list[tuple[int, int]] = []
    start, room = 0, limit
    for number, size in enumerate(sizes):
        if size + 1 > room and number - start >= 2:
            groups.append((start, number))
            start, room = number, limit
        room -= size + 1
    groups.append((start, len(sizes)))
    return groups


def _request(group: Sequence[Note], tokens: int, share: float, language: str) -> NoteRequest:
    text = "\n".join(f"- {note.text}" for note in group)
    tongue = f" in {language}" if language else ""
    question = f"Write the {_most(group, share)} most important of these notes{tongue}."
    messages = (Message("system", SYSTEM), user_message(question, [Attachment("notes", text)]))
    return NoteRequest(messages, max(32, round(tokens * share)))


def _merged(group: Sequence[Note], text: str, share: float, support: float) -> list[Note]:
    """The supported lines of a merge, with the places of the notes they rest on; or some of the notes themselves."""
    sources = [(number, SourceText.of(note.text)) for number, note in enumerate(group)]
    whole = SourceText.of(*(note.text for note in group))
    most = _most(group, share)
    rests = [(supporting_sources(line, sources), line) for line in supported_lines(text, whole, support)[:most]]
    if not any(numbers for numbers, _ in rests):
        step = len(group) / most
        return [group[int(n * step)] for n in range(most)]
    rests.sort(key=lambda rest: min(rest[0], default=0))  # models do not keep the order, although told to
    return [Note(line, tuple(dict.fromkeys(s for n in numbers for s in group[n].spans))) for numbers, line in rests]


def _most(group: Sequence[Note], share: float) -> int:
    return max(1, round(len(group) * share))
